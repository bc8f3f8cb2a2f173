//! Requests for access: anybody may ask, the admin decides.

pub mod first_key;
pub mod ops;
pub(super) mod sql;
pub mod wire;
