//! What a client is told when something is refused or goes wrong: one RFC 9457 body for every family.
//!
//! A [`Problem`] is a value until the edge writes it: only the edge knows the request id, so the body is
//! rendered there and nowhere else.

mod catalogue;
mod page;

pub use catalogue::ProblemCode;
pub use page::{catalogue_html, catalogue_markdown};

use std::fmt;

use aegis_core::rate::Standing;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::rate::{RATE_HEADERS, rate_headers};

/// The media type of every problem body (RFC 9457 §3).
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// One refused or failed request, before it is written.
#[derive(Clone)]
pub struct Problem(Box<Parts>);

#[derive(Clone)]
struct Parts {
    code: ProblemCode,
    detail: String,
    details: Map<String, Value>,
    headers: HeaderMap,
}

/// One rule a request broke, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// RFC 6901 pointer into the request body to the offending or missing value; for a query parameter,
    /// `/` and its name.
    #[schema(example = "/jurisdiction")]
    pub pointer: String,
    /// The rule that was broken: a JSON Schema keyword, or a word such as `duplicate`, `depth`, `encoding`.
    #[schema(example = "required")]
    pub rule: String,
    /// What is wrong and what would be right, for people.
    #[schema(example = "`jurisdiction` is missing.")]
    pub message: String,
}

impl Violation {
    /// Names a broken rule at a place.
    pub fn new(pointer: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Violation {
        Violation { pointer: pointer.into(), rule: rule.into(), message: message.into() }
    }
}

/// The body of every answer that is not a success (RFC 9457, with the members older clients read).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Where this kind of problem is explained.
    #[schema(example = "/docs/errors#VALIDATION_ERROR")]
    r#type: String,
    /// The kind of problem in a few words; the same for every occurrence.
    #[schema(example = "Invalid request")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 400, minimum = 400, maximum = 599)]
    status: u16,
    /// This occurrence, for people. Programs decide by `code`.
    #[schema(example = "`jurisdiction` is missing.")]
    detail: &'a str,
    /// Always false.
    #[schema(example = false)]
    success: bool,
    /// The same text as `detail`.
    #[schema(example = "`jurisdiction` is missing.")]
    error: &'a str,
    /// The kind of problem, for programs: one of `/docs/errors`. New codes may be added.
    #[schema(example = "VALIDATION_ERROR", pattern = "^[A-Z][A-Z0-9_]+$")]
    code: &'a str,
    /// Facts about this occurrence; which ones depends on `code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProblemDetails>, nullable = false)]
    details: Option<&'a Map<String, Value>>,
    /// The `X-Request-Id` of this answer: quote it when asking for help.
    #[schema(example = "9f1c2b7e5d3a48f0b6c4e2a1908d7f65", pattern = "^[A-Za-z0-9_-]{8,128}$")]
    request_id: &'a str,
}

/// Facts about one problem. `VALIDATION_ERROR` lists every broken rule; other codes add their own members.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "a description only: the details themselves are an open JSON object")]
pub struct ProblemDetails {
    /// Every rule the request broke.
    #[schema(nullable = false)]
    violations: Option<Vec<Violation>>,
}

impl From<Violation> for Problem {
    fn from(violation: Violation) -> Problem {
        Problem::validation(vec![violation])
    }
}

impl Problem {
    /// A problem of this kind. `detail` is read by strangers: no secret, no internal text.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Problem {
        let headers = HeaderMap::new();
        Problem(Box::new(Parts { code, detail: detail.into(), details: Map::new(), headers }))
    }

    /// 404, word for word the same whether a thing is unknown or belongs to somebody else.
    pub fn not_found() -> Problem {
        Problem::new(ProblemCode::NotFound, "There is nothing here, or nothing you may see.")
    }

    /// 400 with every broken rule; the detail repeats the first.
    pub fn validation(violations: Vec<Violation>) -> Problem {
        let detail = match violations.as_slice() {
            [] => "The request is not valid.".to_owned(),
            [only] => only.message.clone(),
            [first, rest @ ..] => {
                let more = rest.len();
                let s = if more == 1 { "" } else { "s" };
                format!("{} ({more} more violation{s} in details.violations)", first.message)
            }
        };
        let list = violations.into_iter().map(|violation| {
            let Violation { pointer, rule, message } = violation;
            serde_json::json!({ "pointer": pointer, "rule": rule, "message": message })
        });
        Problem::new(ProblemCode::ValidationError, detail).with("violations", list.collect::<Vec<_>>())
    }

    /// 500 that tells the client nothing but the request id. Log the cause before making one.
    pub fn internal() -> Problem {
        Problem::new(
            ProblemCode::Internal,
            "Something failed that should not. The request id finds it in our logs.",
        )
    }

    /// 503: busy, starting or without its database; worth another try after `seconds`.
    pub fn unavailable(seconds: u32) -> Problem {
        Problem::new(ProblemCode::Unavailable, "The server cannot answer this now; try again shortly.")
            .retry_after(seconds)
    }

    /// 401: no credential, or none that is valid. Which of the two is not said.
    pub fn unauthorized() -> Problem {
        Problem::new(
            ProblemCode::Unauthorized,
            "A valid credential is required: send your API key as X-API-Key, or a bearer token.",
        )
    }

    /// 403: the credential is good but lacks `scope`.
    pub fn insufficient_scope(scope: &str) -> Problem {
        Problem::new(ProblemCode::InsufficientScope, format!("This needs a key with the scope `{scope}`."))
            .with("scope", scope)
    }

    /// 429 with the standing of the limit called `policy`.
    pub fn rate_limited(policy: &str, standing: &Standing) -> Problem {
        let limit = standing.window.limit;
        let seconds = standing.window.seconds;
        Problem::new(
            ProblemCode::RateLimited,
            format!(
                "The limit of {limit} in {seconds} seconds is reached; wait {} s.",
                standing.reset_seconds
            ),
        )
        .standing(policy, standing)
        .retry_after(standing.reset_seconds)
    }

    /// Adds a member to `details`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.0.details.insert(name.to_owned(), value.into());
        self
    }

    /// Puts `prefix` before the pointer of every violation: the request was an item of a larger one.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Problem {
        let violations = self.0.details.get_mut("violations").and_then(Value::as_array_mut);
        for violation in violations.into_iter().flatten() {
            if let Some(Value::String(pointer)) = violation.get_mut("pointer") {
                pointer.insert_str(0, prefix);
            }
        }
        self
    }

    /// Adds a header, replacing one of that name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.0.headers.insert(name, value);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Problem {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds the rate-limit headers of the limit called `policy`.
    #[must_use]
    pub fn standing(mut self, policy: &str, standing: &Standing) -> Problem {
        for (name, value) in RATE_HEADERS.into_iter().zip(rate_headers(policy, standing)) {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// What kind of problem this is.
    pub fn code(&self) -> ProblemCode {
        self.0.code
    }

    /// The text for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The member of `details` called `name`.
    pub fn fact(&self, name: &str) -> Option<&Value> {
        self.0.details.get(name)
    }

    /// The answer as bytes: status, headers and the body with its request id.
    pub fn render(self, request_id: &str) -> Response {
        let Parts { code, detail, details, headers } = *self.0;
        let body = ProblemBody {
            r#type: format!("/docs/errors#{code}"),
            title: code.title(),
            status: code.status().as_u16(),
            detail: &detail,
            success: false,
            error: &detail,
            code: code.as_str(),
            details: (!details.is_empty()).then_some(&details),
            request_id,
        };
        // Strings and JSON values always serialise; an empty body would still carry the status.
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = code.status();
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        if let Some((name, value)) = promised(code) {
            headers.entry(name).or_insert(value);
        }
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Headers that a code always comes with, whoever made the problem.
fn promised(code: ProblemCode) -> Option<(HeaderName, HeaderValue)> {
    use ProblemCode as P;
    if code == P::Unauthorized {
        return Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"aegis\"")));
    }
    let passes = [P::RateLimited, P::Unavailable, P::SigningUnavailable, P::ClockUnsafe].contains(&code);
    passes.then_some((header::RETRY_AFTER, HeaderValue::from_static("1")))
}

/// Carries the problem to the edge, which writes the body with the request id in it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.code.status();
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("details", &self.0.details)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::rate::Window;
    use aegis_core::time::Timestamp;

    use super::*;

    async fn rendered(problem: Problem) -> (Response<()>, Value) {
        let (parts, body) = problem.render("request-1").into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap())
    }

    /// The body has exactly the members of the contract, `error` repeats `detail`.
    #[tokio::test]
    async fn body_is_the_contracts() {
        let violation = Violation::new("/a", "type", "`a` must be a string.");
        let (response, body) = rendered(Problem::validation(vec![violation])).await;
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/docs/errors#VALIDATION_ERROR", "title": "Invalid request", "status": 400,
                "detail": "`a` must be a string.", "success": false, "error": "`a` must be a string.",
                "code": "VALIDATION_ERROR", "requestId": "request-1",
                "details": {"violations": [
                    {"pointer": "/a", "rule": "type", "message": "`a` must be a string."}]},
            })
        );
    }

    /// A problem without facts has no `details`; an internal one says nothing at all.
    #[tokio::test]
    async fn internal_says_nothing() {
        let (response, body) = rendered(Problem::internal()).await;
        assert_eq!((response.status().as_u16(), body.get("details")), (500, None));
    }

    /// What the description promises for a code is there even if its maker forgot it, and never overwritten.
    #[tokio::test]
    async fn keeps_promises() {
        let (response, _) = rendered(Problem::new(ProblemCode::SigningUnavailable, "x")).await;
        assert_eq!(response.headers()["retry-after"], "1");
        let (response, _) = rendered(Problem::unavailable(9)).await;
        assert_eq!(response.headers()["retry-after"], "9");
        let (response, _) = rendered(Problem::unauthorized()).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"aegis\"");
    }

    /// A full window answers 429 with every rate header and Retry-After.
    #[tokio::test]
    async fn rate_limit_headers() {
        let now = Timestamp::from_seconds(1000);
        let standing = Window { limit: 10, seconds: 3600 }.judge(now, 10, Some(now.plus_seconds(-3000)));
        let (response, _) = rendered(Problem::rate_limited("issue", &standing)).await;
        let headers = response.headers();
        assert_eq!(response.status(), 429);
        assert_eq!(headers["retry-after"], "600");
        assert_eq!(headers["ratelimit-policy"], "\"issue\";q=10;w=3600");
        assert_eq!(headers["ratelimit"], "\"issue\";r=0;t=600");
        assert_eq!(headers["x-ratelimit-limit"], "10");
        assert_eq!(headers["x-ratelimit-remaining"], "0");
        assert_eq!(headers["x-ratelimit-reset"], "600");
    }

    /// Every code has a status of the 4xx or 5xx class and is spelled as in the contract.
    #[test]
    fn catalogue_is_consistent() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ProblemCode::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code}");
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{code}");
            assert!(code.meaning().ends_with('.') && code.remedy().ends_with('.'), "{code}");
        }
    }
}
