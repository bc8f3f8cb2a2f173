//! The one description of the API: assembled from the routes themselves, completed with what holds for all
//! of them, served to programs as `/openapi.json` and to people as `/docs`.
//!
//! A route says who may call it and which problems are its own ([`open_to`]); everything any endpoint of its
//! kind may answer is added here, so no route can forget it.

mod complete;
mod defects;
mod example;
mod reference;

use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::{OpenApi, path::Operation, path::PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::edge::Mark;
use super::problem::{ProblemCode, catalogue_html};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anyone, from any web page; no credential is read.
    Anyone,
    /// Anyone; a credential is read where the request asks for something that needs one.
    AnyoneOrKeyHolder,
    /// Holders of an API key or of a token minted from one.
    KeyHolder,
}

impl Audience {
    const fn name(self) -> &'static str {
        match self {
            Audience::Anyone => "anyone",
            Audience::AnyoneOrKeyHolder => "anyone-or-key-holder",
            Audience::KeyHolder => "key-holder",
        }
    }
}

/// Notes on an operation that [`Document::assemble`] turns into responses and security, and removes.
const AUDIENCE: &str = "x-audience";
const PROBLEMS: &str = "x-problems";

/// Declares who may call `routes` and which problems are particular to them. Those any endpoint of the kind
/// may answer (identity.md §19) need no mention.
///
/// `router.routes(open_to(Audience::KeyHolder, &[ProblemCode::AgentIdTaken], routes!(issue)))`
pub fn open_to<S>(
    audience: Audience,
    problems: &[ProblemCode],
    routes: UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (schemas, mut paths, methods) = routes;
    let codes: Vec<&str> = problems.iter().map(|code| code.as_str()).collect();
    for operation in paths.paths.values_mut().flat_map(operations_mut) {
        let notes =
            ExtensionsBuilder::new().add(AUDIENCE, audience.name()).add(PROBLEMS, codes.clone()).build();
        match &mut operation.extensions {
            Some(extensions) => extensions.merge(notes),
            none => *none = Some(notes),
        }
    }
    let public = match audience {
        Audience::Anyone | Audience::AnyoneOrKeyHolder => true,
        Audience::KeyHolder => false,
    };
    (schemas, paths, methods.layer(Mark { public }))
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

/// What the document says about the instance and the API as a whole.
#[derive(Debug, Clone)]
pub struct About {
    /// Version of the API.
    pub version: String,
    /// Where this instance is reached, without a slash at the end. The committed document says
    /// `http://127.0.0.1:8080`.
    pub origin: String,
    /// The families in the order of the reference, each with a sentence.
    pub tags: Vec<(&'static str, &'static str)>,
}

/// The finished OpenAPI 3.1 document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Value);

impl Document {
    /// Completes what the routes declare.
    pub fn assemble(api: &OpenApi, about: &About) -> Document {
        let mut document = serde_json::to_value(api).unwrap_or_else(|_| json!({}));
        complete::complete(&mut document, about);
        Document(document)
    }

    /// The document as JSON for programs and for `api/openapi.json`, ending in a line feed.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.0)
    }

    /// The document as a value.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The page `/docs`.
    pub fn to_html(&self) -> String {
        reference::page(&self.0)
    }

    /// What a reader or a generator of clients would stumble over; empty when all is well. For a test.
    pub fn defects(&self) -> Vec<String> {
        defects::find(&self.0)
    }
}

/// The part of a document at a JSON Pointer; null where there is none.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The description as it is served.
struct Pages {
    json: Bytes,
    reference: Bytes,
    errors: Bytes,
}

/// Set once, when all routes are known; the routes that serve the pages are among those described.
type Slot = Arc<OnceLock<Pages>>;

/// Adds `/openapi.json`, `/docs` and `/docs/errors` to `router` and splits off the finished document.
pub fn describe<S>(router: OpenApiRouter<S>, about: &About) -> (Router<S>, Document)
where
    S: Clone + Send + Sync + 'static,
{
    let slot = Slot::default();
    let pages = OpenApiRouter::new()
        .routes(open_to(Audience::Anyone, &[], routes!(openapi_json)))
        .routes(open_to(Audience::Anyone, &[], routes!(docs)))
        .routes(open_to(Audience::Anyone, &[], routes!(docs_errors)))
        .layer(Extension(slot.clone()));
    let (router, api) = router.merge(pages).split_for_parts();
    let document = Document::assemble(&api, about);
    let pages = Pages {
        json: Bytes::from(document.to_json()),
        reference: Bytes::from(document.to_html()),
        errors: Bytes::from(catalogue_html()),
    };
    // The slot is fresh, so this cannot be the second time.
    let _ = slot.set(pages);
    (router, document)
}

/// This description, for programs
///
/// OpenAPI 3.1. Clients can be generated from it.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi_json", tag = "Reference",
    responses((status = 200, description = "The OpenAPI document.", content_type = "application/json",
        body = Object)))]
async fn openapi_json(Extension(slot): Extension<Slot>) -> Response {
    page(&slot, "application/json", |pages| &pages.json)
}

/// This description, for people
#[utoipa::path(get, path = "/docs", operation_id = "docs", tag = "Reference",
    responses((status = 200, description = "A page.", content_type = "text/html", body = String)))]
async fn docs(Extension(slot): Extension<Slot>) -> Response {
    page(&slot, "text/html; charset=utf-8", |pages| &pages.reference)
}

/// Every kind of problem, for people
///
/// The `type` of a problem leads to its entry.
#[utoipa::path(get, path = "/docs/errors", operation_id = "docs_errors", tag = "Reference",
    responses((status = 200, description = "A page.", content_type = "text/html", body = String)))]
async fn docs_errors(Extension(slot): Extension<Slot>) -> Response {
    page(&slot, "text/html; charset=utf-8", |pages| &pages.errors)
}

fn page(slot: &Slot, content_type: &'static str, choose: fn(&Pages) -> &Bytes) -> Response {
    let body = slot.get().map(choose).cloned().unwrap_or_default();
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

#[cfg(test)]
mod tests;
