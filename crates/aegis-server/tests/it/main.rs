//! The server as its users meet it: one test binary.

mod account;
mod audit;
mod cli;
mod coverage;
mod harness;
mod openapi;
mod passport;
mod sandbox;
mod tidy;
