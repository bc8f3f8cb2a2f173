//! The instance itself: is it alive, is it ready, how is it doing.

mod metrics;
pub(crate) mod routes;
mod wire;
