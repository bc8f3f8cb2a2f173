//! `cargo xtask test`: the whole suite against a private PostgreSQL that ends with it.

use std::env;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use crate::cluster::{Cluster, VARIABLE, strace_or_install};

pub(crate) fn run(options: &[&str]) -> Result<ExitCode, String> {
    let (own, passed_on) = split(options);
    let fast = match own {
        [] => false,
        ["--fast"] => true,
        _ => return Err(format!("unknown option of test: {}", own.join(" "))),
    };
    strace_or_install()?;
    // A cluster that somebody keeps running is used as it is.
    let cluster = if fast || env::var_os(VARIABLE).is_some() { None } else { Some(Cluster::start()?) };
    let url = cluster.as_ref().map(Cluster::url);
    let status = tests(fast, passed_on, url.as_deref())?;
    if !status.success() || fast || !passed_on.is_empty() {
        return Ok(exit_code(status));
    }
    cargo(&["test", "--workspace", "--doc"], url.as_deref()).map(exit_code)
}

fn split<'o>(options: &'o [&'o str]) -> (&'o [&'o str], &'o [&'o str]) {
    match options.iter().position(|option| *option == "--") {
        Some(at) => (options.get(..at).unwrap_or_default(), options.get(at + 1..).unwrap_or_default()),
        None => (options, &[]),
    }
}

fn tests(fast: bool, passed_on: &[&str], url: Option<&str>) -> Result<ExitStatus, String> {
    let mut arguments = Vec::new();
    if has_nextest() {
        arguments.extend(["nextest", "run"]);
        arguments.extend(scope(passed_on));
        if fast {
            arguments.extend(["--filter-expr", "not test(postgres)"]);
        }
        arguments.extend(passed_on);
    } else {
        arguments.push("test");
        arguments.extend(scope(passed_on));
        arguments.extend(passed_on);
        if fast {
            arguments.extend(["--", "--skip", "postgres"]);
        }
    }
    cargo(&arguments, url)
}

/// Everything, unless the arguments choose packages themselves.
fn scope(passed_on: &[&str]) -> &'static [&'static str] {
    let chosen =
        passed_on.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    if chosen { &[] } else { &["--workspace"] }
}

fn has_nextest() -> bool {
    let asked = Command::new(program())
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

fn cargo(arguments: &[&str], url: Option<&str>) -> Result<ExitStatus, String> {
    let mut command = Command::new(program());
    command.args(arguments);
    if let Some(url) = url {
        command.env(VARIABLE, url);
    }
    command.status().map_err(|error| format!("cannot run cargo: {error}"))
}

fn program() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
