//! The instance itself: is it alive, is it ready, how is it doing.

pub(crate) mod routes;
