//! The keys of an organization, and the tokens minted from keys.

pub mod ops;
pub mod wire;
