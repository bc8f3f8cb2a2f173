//! What happens to every request before and after its route, in one function: [`Edge::respond`].
//!
//! The edge is no stack of layers but a plain sequence, because it stands in front of an endpoint whose
//! whole budget is a few dozen microseconds: no boxed future per concern, no allocation that the answer does
//! not need. Routes see only what the edge put into the request's extensions.

mod address;
mod mark;

use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aegis_core::encoding::to_hex;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use ipnet::IpNet;
use tokio::sync::{Semaphore, SemaphorePermit};
use tower::Service as _;

pub(in crate::http) use mark::Mark;

use super::arrival::Arrival;
use super::counts::RequestCounts;
use super::html::CONTENT_SECURITY_POLICY;
use super::problem::{Problem, ProblemCode};
use mark::RouteFacts;

/// The header that names a request in every answer and log line.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What browsers may read of a public answer beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, etag, retry-after");

/// Which requests the access log names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// None.
    Off,
    /// Those answered with 400 or above.
    Failures,
    /// Every one. Costs a few microseconds each.
    All,
}

/// Bounds and trust of an edge.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// Proxies whose forwarding headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// How long one request body may take to arrive.
    pub body_time: Duration,
    /// Requests worked on at once.
    pub running_max: usize,
    /// Requests that may wait for their turn; one more is answered 503.
    pub waiting_max: usize,
    /// How long a request waits for its turn before it is answered 503.
    pub waiting_time: Duration,
    /// Which requests are logged.
    pub access_log: AccessLog,
}

impl Default for EdgeSettings {
    fn default() -> EdgeSettings {
        EdgeSettings {
            trusted_proxies: Vec::new(),
            body_time: Duration::from_secs(30),
            running_max: 1024,
            waiting_max: 4096,
            waiting_time: Duration::from_secs(2),
            access_log: AccessLog::Failures,
        }
    }
}

/// Gives random bytes for the ids of requests that bring none. Unpredictability is not needed, uniqueness
/// is.
pub type RequestIdSource = Box<dyn Fn() -> [u8; 16] + Send + Sync>;

/// All routes, behind everything that holds for each of them. Cheap to clone; clones share their bounds.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

struct Inner {
    router: Router,
    settings: EdgeSettings,
    request_ids: RequestIdSource,
    running: Semaphore,
    waiting: AtomicUsize,
    counts: OnceLock<Arc<RequestCounts>>,
}

impl Edge {
    /// Puts an edge in front of `router`, whose unknown paths it answers with 404.
    pub fn new(router: Router, settings: EdgeSettings, request_ids: RequestIdSource) -> Edge {
        // `with_state` prepares all routes once; without it axum would do so per request.
        let router =
            router.fallback(|| async { Problem::not_found() }).layer(Mark { public: false }).with_state(());
        let running = Semaphore::new(settings.running_max);
        Edge(Arc::new(Inner {
            router,
            settings,
            request_ids,
            running,
            waiting: AtomicUsize::new(0),
            counts: OnceLock::new(),
        }))
    }

    /// Lets every answer be counted in `counts`.
    #[must_use]
    pub fn counted_in(self, counts: Arc<RequestCounts>) -> Edge {
        // The first set of counters stays.
        let _already_counted = self.0.counts.set(counts);
        self
    }

    /// Answers one request that arrived from `peer`. Never fails: whatever goes wrong is an answer, and
    /// every answer carries the request id.
    pub async fn respond(&self, peer: IpAddr, mut request: Request) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let preflight = is_preflight(&request);
        let request_id = self.request_id(request.headers());
        let origin = address::origin(peer, request.headers(), &self.0.settings.trusted_proxies);
        request.extensions_mut().insert(Arrival {
            request_id: request_id.clone(),
            client: origin.client,
            body_time: self.0.settings.body_time,
        });
        let mut response = if origin.in_the_clear {
            problem_response(https_required(), &request_id)
        } else {
            self.route(request, &request_id).await
        };
        let facts = response.extensions_mut().remove::<RouteFacts>();
        response = match response.extensions_mut().remove::<Problem>() {
            Some(problem) => written(&response, problem, &request_id),
            None => response,
        };
        if facts.as_ref().is_some_and(|facts| facts.public) {
            response = open_to_all_origins(response, preflight);
        }
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && !response.headers().contains_key(header::CONTENT_TYPE)
        {
            response = written(&response, method_not_allowed(&method), &request_id);
        }
        protect_pages(response.headers_mut());
        response.headers_mut().insert(X_REQUEST_ID, request_id.clone());
        if let Some(counts) = self.0.counts.get() {
            let route = facts.as_ref().map(|facts| facts.path.as_str());
            counts.count(&method, route, response.status(), started.elapsed());
        }
        self.log(&method, facts.as_ref(), &response, started, &request_id);
        response
    }

    /// The answer of the route, once it is this request's turn; 500 if the route panics.
    async fn route(&self, request: Request, request_id: &HeaderValue) -> Response {
        let Some(_turn) = self.turn().await else {
            return problem_response(Problem::unavailable(1), request_id);
        };
        let mut router = self.0.router.clone();
        let mut answer = pin!(async move {
            match router.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        });
        // A panic must not take the connection's other requests with it. Nothing is left half-changed that
        // later requests could see: state lives in the kernel, whose transactions roll back.
        let outcome =
            poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
                Ok(poll) => poll.map(Some),
                Err(_) => std::task::Poll::Ready(None),
            })
            .await;
        outcome.unwrap_or_else(|| {
            tracing::error!(request_id = shown(request_id), "a route panicked");
            problem_response(Problem::internal(), request_id)
        })
    }

    /// Waits for one of the running places; `None` when the queue is full or the wait too long.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(turn) = self.0.running.try_acquire() {
            return Some(turn);
        }
        let place = Place::take(&self.0.waiting, self.0.settings.waiting_max)?;
        let turn = tokio::time::timeout(self.0.settings.waiting_time, self.0.running.acquire()).await;
        drop(place);
        turn.ok()?.ok()
    }

    fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        let mut given = headers.get_all(X_REQUEST_ID).into_iter();
        if let (Some(id), None) = (given.next(), given.next())
            && (8..=128).contains(&id.len())
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        {
            return id.clone();
        }
        // Hexadecimal is always a valid header value.
        HeaderValue::try_from(to_hex(&(self.0.request_ids)()))
            .unwrap_or(HeaderValue::from_static("unnamed-request"))
    }

    fn log(
        &self,
        method: &Method,
        facts: Option<&RouteFacts>,
        response: &Response,
        started: Instant,
        request_id: &HeaderValue,
    ) {
        let status = response.status().as_u16();
        let wanted = match self.0.settings.access_log {
            AccessLog::Off => false,
            AccessLog::Failures => status >= 400,
            AccessLog::All => true,
        };
        if wanted {
            let route = facts.map_or("-", |facts| facts.path.as_str());
            let micros = started.elapsed().as_micros();
            let request_id = shown(request_id);
            tracing::info!(target: "aegis::access", %method, route, status, micros, request_id);
        }
    }
}

/// A place in the queue, given back when dropped (also when the client hangs up while waiting).
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Option<Place<'a>> {
        let place = Place(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        (before < max).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && request.headers().contains_key(header::ORIGIN)
}

/// Public routes may be called from any page: they read no credential that a page could borrow.
fn open_to_all_origins(response: Response, preflight: bool) -> Response {
    let mut response = match response.headers().get(header::ALLOW).cloned() {
        Some(methods) if preflight => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("content-type, x-request-id, if-none-match, last-event-id"),
            );
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            response
        }
        Some(_) | None => response,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response
}

/// Pages for people may load, frame and leak nothing.
fn protect_pages(headers: &mut HeaderMap) {
    let page =
        headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if page {
        let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
}

/// The problem's answer, with the headers that layers between the route and here have added.
fn written(unwritten: &Response, problem: Problem, request_id: &HeaderValue) -> Response {
    let mut response = problem_response(problem, request_id);
    for (name, value) in unwritten.headers() {
        if name != header::CONTENT_LENGTH && !response.headers().contains_key(name) {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response
}

fn problem_response(problem: Problem, request_id: &HeaderValue) -> Response {
    problem.render(shown(request_id))
}

fn shown(request_id: &HeaderValue) -> &str {
    request_id.to_str().unwrap_or_default()
}

fn https_required() -> Problem {
    Problem::new(ProblemCode::HttpsRequired, "This server answers only requests that came over HTTPS.")
}

fn method_not_allowed(method: &Method) -> Problem {
    // Extension methods are the client's own words; only names that HTTP defines are repeated.
    let name = match method.as_str() {
        name @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE" | "CONNECT") => {
            name
        }
        _ => "This method",
    };
    Problem::new(ProblemCode::MethodNotAllowed, format!("{name} is not possible here; see Allow."))
}

#[cfg(test)]
mod tests;
