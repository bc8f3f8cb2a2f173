//! The server: slices, HTTP, configuration and wiring.
//!
//! Start reading at [`app`] for what there is and at [`router`] for what can be called. A slice (one folder
//! for each family or part of one) decodes, calls the kernel and encodes; rules live in the pure crates.

pub mod account;
pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod http;
mod instance;
pub mod outbound;
pub mod passport;
pub mod router;
pub mod sandbox;
pub mod serve;
pub mod webhook;
