//! Measures the goals of the program, each as a ratio of two things taken in one run.
//!
//! `cargo run --release -p aegis-bench -- identity` starts the release server itself, loads it over HTTP/1.1 and writes
//! what it found beside its own description of the machine. A figure of one machine proves nothing about another; the
//! ratios mostly carry over.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints its progress and its result"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "statistics over counts far below 2^52"
)]

mod closed;
mod connection;
mod curve;
mod disk;
mod identity;
mod issue;
mod machine;
mod open;
mod pairs;
mod peers;
mod race;
mod report;
mod requests;
mod revoked;
mod server;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Any failure ends a measurement: half a result is none.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measure how fast the program is, against what the same machine could do at best.
#[derive(Debug, Parser)]
#[command(name = "aegis-bench", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    family: Family,
}

#[derive(Debug, Subcommand)]
enum Family {
    /// Issuing, verifying and revoking passports.
    Identity(identity::Options),
}

fn main() -> ExitCode {
    let Family::Identity(options) = Arguments::parse().family;
    match identity::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aegis-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
