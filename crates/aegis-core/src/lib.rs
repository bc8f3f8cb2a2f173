//! The vocabulary every part of Aegis shares: ids, instants, entropy, strict JSON, canonical bytes and the
//! only names of cryptographic algorithms.
//!
//! Nothing here performs IO, reads a clock or asks the system for randomness: values come in, values go
//! out. What belongs to one product family belongs to that family's crate.

pub mod api_key;
pub mod canonical;
pub mod checked_secret;
mod closed_set;
pub mod crypto;
pub mod encoding;
pub mod entropy;
pub mod id;
pub mod json;
pub mod limits;
pub mod moment;
pub mod page;
pub mod rate;
pub mod secret;
pub mod time;
