//! Automation in Rust instead of shell. Standard library only, so that it compiles in a moment.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks to its terminal"
)]
#![expect(clippy::disallowed_methods, reason = "a developer's tool reads the environment it was started in")]

mod cluster;
mod test;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [--fast] [-- ARGUMENTS]   all tests on both databases; ARGUMENTS go to nextest (or cargo test)
                                           --fast: without PostgreSQL and documentation examples
cargo xtask postgres start | stop          keep a private PostgreSQL for tests running, and print its URL";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test", options @ ..] => test::run(options),
        ["postgres", "start"] => cluster::start_to_keep(),
        ["postgres", "stop"] => cluster::stop_kept(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|problem| {
        eprintln!("xtask: {problem}");
        ExitCode::FAILURE
    })
}
