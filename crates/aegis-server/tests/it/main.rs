//! The server as its users meet it: one test binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod account;
mod audit;
mod cli;
mod coverage;
mod harness;
mod keys;
mod openapi;
mod passport;
mod recovery;
mod sandbox;
mod tidy;
mod webhook;
