//! The server: slices, HTTP, configuration and wiring.

pub mod account;
pub mod app;
pub mod config;
pub mod http;
pub mod passport;
