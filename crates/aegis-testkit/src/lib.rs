//! What tests of several crates share. Only `[dev-dependencies]` may name this crate.

pub mod backend;
