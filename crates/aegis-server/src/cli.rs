//! The command line: what people type, and what they read back.
//!
//! One file for each group of commands. Those that touch stored data take a `Place`; those that ask a
//! server go through `client`. Only `screen` writes to the terminal.

mod check_config;
mod client;
mod complaint;
mod demo;
mod fsck;
mod init;
mod keys;
mod migrate;
mod org;
mod passport;
mod running;
mod sandbox_files;
mod screen;
mod serve;
mod trust_root;
mod verify;
mod webhook;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Overrides, Sources};
use complaint::Complaint;

/// Put between software agents and what matters: who an agent is, what it may spend, what it may see.
#[derive(Debug, Parser)]
#[command(name = "aegis", version, disable_help_subcommand = true, max_term_width = 110)]
#[command(after_help = "Start with `aegis demo`, or run the sandbox with `aegis serve`.\n\
    Exit codes: 0 done, 1 refused or found wrong, 2 used wrongly, 4 unknown, 70 failed inside.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; without a configuration file, the sandbox on 127.0.0.1:8080.
    Serve(ServeArgs),
    /// Walk through what a passport is good for, check each step, and show what happened.
    Demo(demo::DemoArgs),
    /// Check passports: offline against pinned keys, or by asking a server.
    Verify(verify::VerifyArgs),
    /// Pin the keys of an issuer, and keep them up to date.
    #[command(subcommand)]
    TrustRoot(trust_root::TrustRootCommand),
    /// Issue, show, list and revoke passports.
    #[command(subcommand)]
    Passport(passport::PassportCommand),
    /// Create, list, suspend and resume organizations (admin key).
    #[command(subcommand)]
    Org(org::OrgCommand),
    /// Name endpoints that are told what happens, and see how deliveries went.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// List, rotate, retire and revoke signing keys (admin key).
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Print the effective configuration and where each value comes from.
    CheckConfig(check_config::CheckConfigArgs),
    /// Make the database of a production instance and its first admin key, which is shown once.
    Init(init::InitArgs),
    /// Bring the database schema up to date.
    Migrate(migrate::MigrateArgs),
    /// Recompute the whole log and name the first entry that is damaged; works beside a running server.
    Fsck(fsck::FsckArgs),
}

/// Where the configuration and the data are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Configuration file; without it, aegis.toml in this directory if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    place: Place,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Run in production mode.
    #[arg(long)]
    production: bool,
}

/// How a command ended (see the exit codes in the reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Refused, or found wrong.
    Refused = 1,
    /// Used wrongly.
    Usage = 2,
    /// It could not be found out.
    Unknown = 4,
    /// Failed inside.
    Internal = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Runs the command that `arguments` name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program =
        arguments.first().map_or_else(|| "aegis".into(), |name| name.to_string_lossy().into_owned());
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is a wrong use; clap prints both.
            let _printed = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    // Two TLS providers could be in the graph one day; the choice is made once, here.
    let _already_chosen = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ended = match &cli.command {
        Command::Serve(arguments) => serve::run(arguments, &program),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::TrustRoot(command) => trust_root::run(command),
        Command::Passport(command) => passport::run(command),
        Command::Org(command) => org::run(command),
        Command::Webhook(command) => webhook::run(command),
        Command::Keys(command) => keys::run(command),
        Command::CheckConfig(arguments) => check_config::run(arguments),
        Command::Init(arguments) => init::run(arguments),
        Command::Migrate(arguments) => migrate::run(arguments),
        Command::Fsck(arguments) => fsck::run(arguments),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(complaint) => {
            screen::complain(&complaint.to_string());
            complaint.exit().into()
        }
    }
}

/// Loads the configuration of `place`.
fn configuration(place: &Place, listen: Option<SocketAddr>, production: bool) -> Result<Config, Complaint> {
    let overrides = Overrides { listen, data: place.data.clone(), production };
    let sources = Sources::of_process(place.config.clone(), overrides);
    Config::load(&sources).map_err(|fault| Complaint::usage(fault.to_string()))
}
