//! The kernel's answers and failures as HTTP responses.

use aegis_kernel::{Answer, Failure, Rejection, job};
use aegis_store::Fault;
use axum::Json as AxumJson;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::call::unauthorized;
use super::problem::{Problem, ProblemCode};
use super::rate::{RATE_HEADERS, rate_headers};

const LOG_ENTRY: HeaderName = HeaderName::from_static("x-log-entry");
const LOG_INDEX: HeaderName = HeaderName::from_static("x-log-index");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Marks a response that a sandbox fault wants lost: the connection is closed in its place.
#[derive(Debug, Clone, Copy)]
pub struct LostAnswer;

/// The answer of an operation.
pub struct Reply(pub Answer);

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Reply {
        Reply(answer)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let Reply(answer) = self;
        let status = StatusCode::from_u16(answer.success.status()).unwrap_or(StatusCode::OK);
        let mut response = (status, answer.body).into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(logged) = answer.logged {
            if let Ok(value) = HeaderValue::from_str(&logged.entry.to_string()) {
                headers.insert(LOG_ENTRY, value);
            }
            if let Some(index) = logged.index {
                headers.insert(LOG_INDEX, HeaderValue::from(index));
            }
        }
        if answer.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if let Some(location) = answer.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if let Some((policy, standing)) = &answer.standing {
            for (name, value) in RATE_HEADERS.into_iter().zip(rate_headers(policy, standing)) {
                headers.insert(name, value);
            }
        }
        if answer.lost {
            response.extensions_mut().insert(LostAnswer);
        }
        response
    }
}

/// The answer of a query: its JSON.
pub struct Found<T>(pub T);

impl<T: Serialize> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        AxumJson(self.0).into_response()
    }
}

impl<R: Into<Problem>> From<Failure<R>> for Problem {
    fn from(failure: Failure<R>) -> Problem {
        match failure {
            Failure::Refused(refused) => refused.into(),
            Failure::Rejected(rejection) => rejection.into(),
            Failure::Fault(fault) => fault.into(),
        }
    }
}

impl From<std::convert::Infallible> for Problem {
    fn from(never: std::convert::Infallible) -> Problem {
        match never {}
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        match rejection {
            Rejection::Unauthorized { why } => unauthorized(why),
            Rejection::Forbidden { needed } => {
                let problem = Problem::new(ProblemCode::InsufficientScope, format!("This needs {needed}."));
                match needed.scope {
                    Some(scope) => problem.with("scope", scope),
                    None => problem,
                }
            }
            Rejection::Suspended => {
                Problem::new(ProblemCode::OrganizationSuspended, "The organization of this key is suspended.")
            }
            Rejection::AddressNotAllowed => Problem::new(
                ProblemCode::KeyIpNotAllowed,
                "This key may not be used from the address the request came from.",
            ),
            Rejection::RateLimited { class, standing } => Problem::rate_limited(class, &standing),
            Rejection::IdempotencyConflict => Problem::new(
                ProblemCode::IdempotencyConflict,
                "This Idempotency-Key was used for another request; take a new key for a new intent.",
            ),
            Rejection::ClockUnsafe => Problem::new(
                ProblemCode::ClockUnsafe,
                "The clock of this instance is behind its log; nothing is changed until it is right again.",
            )
            .retry_after(5),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        if fault.is_retryable() {
            tracing::warn!(error = %job::chain(&fault), "answered 503");
            return Problem::unavailable(1);
        }
        if let Fault::Unknown { .. } = fault {
            tracing::error!(error = %job::chain(&fault), "the outcome of a commit is unknown");
            return Problem::new(
                ProblemCode::Unavailable,
                "Whether this was done is not known. Repeat it with the same Idempotency-Key.",
            )
            .retry_after(1);
        }
        tracing::error!(error = %job::chain(&fault), "answered 500");
        Problem::internal()
    }
}
