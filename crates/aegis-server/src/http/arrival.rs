//! What the edge knows about a request before any route sees it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;

use super::problem::Problem;

/// One value in the request's extensions, put there once by the edge.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) request_id: HeaderValue,
    pub(super) client: IpAddr,
    pub(super) body_time: Duration,
}

/// The address the request came from, behind any trusted proxies: the one limits and allow-lists mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The id this request's answer carries as `X-Request-Id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Arrival>().map(|arrival| ClientAddress(arrival.client)).ok_or_else(|| {
            tracing::error!("a route that needs the client's address was called without the edge");
            Problem::internal()
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.extensions.get::<Arrival>().and_then(|arrival| arrival.request_id.to_str().ok());
        Ok(RequestId(id.unwrap_or_default().to_owned()))
    }
}
