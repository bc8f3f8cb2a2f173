//! Verification: public, unlimited, without disk or lock.

use std::sync::Arc;

use aegis_core::limits::JSON_DEPTH_MAX;
use aegis_core::{json, time::Timestamp};
use aegis_kernel::Kernel;
use aegis_passport::ids::PassportId;
use aegis_passport::verdict::Reason;
use aegis_passport::verify::{Ask, stopped};
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Registry;
use super::super::queries::FindDocument;
use super::super::wire::{Basis, Verified, VerifyBatch, VerifyQuery, VerifyRequest, split_request};
use crate::app::App;
use crate::http::openapi::{Audience, open_to};
use crate::http::{Problem, ProblemCode, Query, Violation, body};

/// Requests in one batch.
const BATCH_MAX: usize = 1_000;
/// Bytes of a batch.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Bytes of a batch of lines, and of one line.
const LINES_BYTES_MAX: usize = 64 << 20;
const LINE_BYTES_MAX: usize = 128 << 10;

pub(super) fn routes() -> OpenApiRouter<App> {
    let batch = OpenApiRouter::new().routes(open_to(
        Audience::Anyone,
        &[ProblemCode::BatchTooLarge],
        routes!(verify_batch),
    ));
    OpenApiRouter::new()
        .routes(open_to(Audience::Anyone, &[], routes!(verify)))
        .routes(open_to(Audience::Anyone, &[], routes!(verify_registered)))
        .merge(body::body_bytes_max(batch, LINES_BYTES_MAX))
}

/// Verify a passport.
///
/// Answers 200 whenever the request can be read, however bad the passport: `valid` says whether every check
/// holds, `reason_code` why not. No credential, no rate limit. What the passport says is echoed only once its
/// signature is proven.
#[utoipa::path(
    post,
    path = "/api/agent/verify",
    operation_id = "identity_verify",
    tag = "Identity",
    request_body = VerifyRequest,
    responses((status = 200, description = "The verdict.", body = Verified))
)]
async fn verify(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    request: Request,
) -> Result<Response, Problem> {
    if !body::says_json(request.headers()) {
        return Err(body::unsupported(&["application/json"]));
    }
    let bytes = body::read(request).await?;
    let text = crate::http::json::read_text(&bytes)?;
    let now = kernel.now();
    let (passport, ask) = split_request(&text, now)?;
    Ok(answer(written(&registry, passport, &ask, now)))
}

/// The answer to one request, as JSON.
fn written(registry: &Registry, passport: &json::Json<'_>, ask: &Ask, now: Timestamp) -> Vec<u8> {
    let sequence = registry.sequence();
    let (document, verdict) = registry.verify(passport, ask);
    registry.counts().verdict(&verdict);
    let basis = Basis { rendering: "native", now, sequence };
    write(&Verified::of(&verdict, document.as_ref(), basis, ask.at.is_some()))
}

fn write(answer: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1536);
    // Strings and numbers always have a JSON form, and a vector takes any number of bytes.
    let _written = serde_json::to_writer(&mut bytes, answer);
    bytes
}

fn answer(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Verify a registered passport by its id.
///
/// The same answer about the registered document: is this passport good now. It proves nothing about who
/// shows the id. An unknown id is an answer too.
#[utoipa::path(
    get,
    path = "/api/agent/verify/{passport_id}",
    operation_id = "identity_verify_registered",
    tag = "Identity",
    params(("passport_id" = String, Path, description = "The passport's id."), VerifyQuery),
    responses((status = 200, description = "The verdict.", body = Verified))
)]
async fn verify_registered(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    Path(id): Path<String>,
    Query(query): Query<VerifyQuery>,
) -> Result<Response, Problem> {
    let now = kernel.now();
    let ask = query.parse(now)?;
    let basis = Basis { rendering: "registry", now, sequence: registry.sequence() };
    let document = match PassportId::parse(&id) {
        None => None,
        Some(id) => kernel.parts().store.read(move |tx| FindDocument(id).run(tx)).await?,
    };
    let Some(document) = document else {
        let verdict = stopped(Reason::PassportUnknown, &ask);
        registry.counts().verdict(&verdict);
        return Ok(answer(write(&Verified::of(&verdict, None, basis, ask.at.is_some()))));
    };
    let verdict = registry.judge_read(&document, &ask);
    registry.counts().verdict(&verdict);
    Ok(answer(write(&Verified::of(&verdict, Some(&document), basis, ask.at.is_some()))))
}

/// Verify up to 1000 passports at once.
///
/// `application/json`: an array of verify requests, answered by an array in the same order.
/// `application/x-ndjson`: one request a line, answered line by line. Each answer carries its `index`.
#[utoipa::path(
    post,
    path = "/api/agent/verify/batch",
    operation_id = "identity_verify_batch",
    tag = "Identity",
    request_body(content((VerifyBatch = "application/json"), (String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "The verdicts, each with its index.", content(
            (Vec<Verified> = "application/json"), (String = "application/x-ndjson"),
        ))
    )
)]
async fn verify_batch(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    request: Request,
) -> Result<Response, Problem> {
    let lines = says_lines(request.headers());
    if !lines && !body::says_json(request.headers()) {
        return Err(body::unsupported(&["application/json", "application/x-ndjson"]));
    }
    let bytes = body::read(request).await?;
    let now = kernel.now();
    // Proving a thousand signatures takes tens of milliseconds: off the thread that serves others.
    let work = move || {
        if lines { Ok(verify_lines(&registry, &bytes, now)) } else { verify_array(&registry, &bytes, now) }
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())?
}

fn says_lines(headers: &axum::http::HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/x-ndjson"))
}

fn verify_array(registry: &Registry, bytes: &Bytes, now: Timestamp) -> Result<Response, Problem> {
    if bytes.len() > BATCH_BYTES_MAX {
        return Err(body::too_large(BATCH_BYTES_MAX));
    }
    let text = json::parse(bytes, JSON_DEPTH_MAX + 1)
        .map_err(|_| crate::http::json::read_text(bytes).err())
        .map_err(|problem| problem.unwrap_or_else(Problem::internal))?;
    let items = text.items().ok_or_else(|| {
        Problem::validation(vec![Violation::new("", "type", "The body must be an array of verify requests.")])
    })?;
    if items.is_empty() || items.len() > BATCH_MAX {
        return Err(wrong_count(items.len()));
    }
    let mut asked = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        asked.push(split_request(item, now).map_err(|problem| problem.below(&format!("/{index}")))?);
    }
    let answers =
        spread(&asked, |index, (passport, ask)| indexed(written(registry, passport, ask, now), index));
    let mut body = Vec::with_capacity(answers.iter().map(|answer| answer.len() + 1).sum::<usize>() + 2);
    for answer in answers {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&answer);
    }
    body.push(b']');
    Ok(answer(body))
}

fn wrong_count(count: usize) -> Problem {
    if count == 0 {
        let message = "The array must hold at least one verify request.";
        return Problem::validation(vec![Violation::new("", "minItems", message)]);
    }
    Problem::new(ProblemCode::BatchTooLarge, format!("The batch has more than {BATCH_MAX} requests."))
        .with("max_items", BATCH_MAX as u64)
}

fn verify_lines(registry: &Registry, bytes: &Bytes, now: Timestamp) -> Response {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // The last line may or may not end with a line feed.
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let beyond = lines.len() > BATCH_MAX;
    lines.truncate(BATCH_MAX);
    let answers = spread(&lines, |index, line| indexed(verify_line(registry, line, now), index));
    let mut body: Vec<u8> = Vec::new();
    for answer in answers {
        body.extend_from_slice(&answer);
        body.push(b'\n');
    }
    if beyond {
        let refused = serde_json::json!({ "index": BATCH_MAX, "valid": false, "code": "BATCH_TOO_LARGE" });
        body.extend_from_slice(refused.to_string().as_bytes());
        body.push(b'\n');
    }
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn verify_line(registry: &Registry, line: &[u8], now: Timestamp) -> Vec<u8> {
    let unparsable = || br#"{"valid":false,"reason_code":"UNPARSABLE"}"#.to_vec();
    if line.len() > LINE_BYTES_MAX {
        return unparsable();
    }
    let Ok(text) = json::parse(line, JSON_DEPTH_MAX) else { return unparsable() };
    let Ok((passport, ask)) = split_request(&text, now) else { return unparsable() };
    written(registry, passport, &ask, now)
}

/// Puts the index before the other members of an answer.
fn indexed(answer: Vec<u8>, index: usize) -> Vec<u8> {
    let mut line = format!("{{\"index\":{index},").into_bytes();
    line.extend(answer.into_iter().skip(1));
    line
}

/// Runs `work` on every item, over all cores, and keeps the order.
fn spread<T: Sync, R: Send>(items: &[T], work: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = items.len().div_ceil(cores).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(share)
            .enumerate()
            .map(|(part, chunk)| {
                scope.spawn(move || {
                    let each = |(offset, item): (usize, &T)| work(part * share + offset, item);
                    chunk.iter().enumerate().map(each).collect::<Vec<R>>()
                })
            })
            .collect();
        parts.into_iter().filter_map(|part| part.join().ok()).flatten().collect()
    })
}
