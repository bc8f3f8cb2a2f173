//! The server: slices, HTTP, configuration and wiring.

pub mod app;
pub mod config;
pub mod http;
pub mod passport;
