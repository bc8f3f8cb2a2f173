//! The server: slices, HTTP, configuration and wiring.

pub mod http;
