//! HTTP, and nothing about any product: how requests come in, how answers and problems go out, and how both
//! are described.
//!
//! A slice's `routes.rs` takes [`json::Json`], [`query::Query`], [`segment::Segment`] in and gives
//! [`problem::Problem`] or its reply out; [`edge::Edge`] stands in front of all routes; [`openapi`] turns
//! their declarations into the one document.

pub mod arrival;
pub mod body;
pub mod call;
#[cfg(test)]
pub(crate) mod committed;
pub mod counts;
pub mod edge;
pub(crate) mod html;
pub mod json;
pub mod openapi;
pub mod problem;
pub mod query;
pub mod rate;
pub mod reply;
pub mod schema;
pub mod segment;
mod violations;

pub use crate::query_parameters;
pub use arrival::{ClientAddress, RequestId};
pub use call::Authenticated;
pub use json::{Json, OptionalJson};
pub use problem::{Problem, ProblemCode, Violation};
pub use query::{Query, read_page, unknown_cursor};
pub use reply::{Found, Reply};
pub use segment::Segment;
pub(crate) use violations::nearest;
