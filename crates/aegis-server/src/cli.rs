//! The command line: what people type, and what they read back.

mod sandbox_files;
mod screen;
mod serve;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigFault, Overrides, Sources};

/// Put between software agents and what matters: who an agent is, what it may spend, what it may see.
#[derive(Debug, Parser)]
#[command(name = "aegis", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; without a configuration file, the sandbox on 127.0.0.1:8080.
    Serve(ServeArgs),
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
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is a wrong use; clap prints both.
            let _printed = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments).into(),
    }
}

/// Loads the configuration of `place`; what is wrong with it is printed.
fn configuration(place: &Place, listen: Option<SocketAddr>, production: bool) -> Result<Config, Exit> {
    let overrides = Overrides { listen, data: place.data.clone(), production };
    let file = place.config.clone();
    Config::load(&Sources::of_process(file, overrides)).map_err(|fault: ConfigFault| {
        screen::complain(&fault.to_string());
        Exit::Usage
    })
}
