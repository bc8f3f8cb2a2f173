//! `aegis demo`: what a passport is good for, step by step, each step checked.

mod evidence;
mod walk;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use aegis_core::secret::Secret;
use clap::Args;

use super::client::{Client, Whose};
use super::complaint::Complaint;
use super::running::Running;
use super::sandbox_files::Sandbox;
use super::{Exit, screen};
use crate::config::{Config, Overrides, Sources};
use walk::Walk;

/// The sample operator of every sandbox.
const OPERATOR: &str = "op_acme_corp";

#[derive(Debug, Args)]
#[command(after_help = "Without --url, a sandbox is made in a temporary directory and removed afterwards.")]
pub(super) struct DemoArgs {
    /// Walk through this server instead of a sandbox of its own; takes the operator's key from the environment (`AEGIS_API_KEY`).
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The operator whose key that is.
    #[arg(long, value_name = "ID", default_value = OPERATOR, requires = "url")]
    operator: String,
}

/// Ends well only if every expectation held.
pub(super) fn run(arguments: &DemoArgs) -> Result<Exit, Complaint> {
    match &arguments.url {
        Some(url) => show(Client::with_key(url, Whose::Operator)?, &arguments.operator),
        None => alone(),
    }
}

fn show(client: Client, operator: &str) -> Result<Exit, Complaint> {
    let mut walk = Walk::new(client, operator);
    walk.identity()?;
    let (held, failed) = walk.count();
    screen::say("");
    if failed == 0 {
        screen::say(&format!("All {held} expectations held."));
        return Ok(Exit::Done);
    }
    Err(Complaint::refused(format!("{failed} of {} expectations did not hold", held + failed)))
}

/// In a sandbox of its own that leaves nothing behind.
fn alone() -> Result<Exit, Complaint> {
    let directory = tempfile::Builder::new()
        .prefix("aegis-demo-")
        .tempdir()
        .map_err(|error| Complaint::refused(format!("cannot make a temporary directory: {error}")))?;
    let port = free_port().map_err(|error| Complaint::refused(format!("no port is free: {error}")))?;
    let overrides = Overrides {
        listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        data: Some(directory.path().join("data")),
        production: false,
    };
    // Neither files nor variables: the demonstration is the same everywhere.
    let sources = Sources { file: None, environment: Vec::new(), overrides };
    let config = Config::load(&sources).map_err(|fault| Complaint::internal(fault.to_string()))?;
    let running = Running::start(&config)?;
    let url = format!("http://{}", running.address());
    screen::say(&format!("A sandbox for this demonstration runs on {url}"));
    screen::say("Try the lines that begin with $ on your own one, started with `aegis serve`.");
    let shown = match &running.sandbox {
        Some(Sandbox::New(_, credentials)) => {
            let key = Secret::new(credentials.operator.api_key.reveal().to_owned());
            Client::new(&url, Some(key)).and_then(|client| show(client, &credentials.operator.id))
        }
        Some(Sandbox::Kept(_) | Sandbox::Lost(_)) | None => {
            Err(Complaint::internal("the new sandbox has no sample operator"))
        }
    };
    running.stop();
    shown
}

/// A port that was free a moment ago: the issuer's name contains it, so it must be known before the start.
fn free_port() -> std::io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}
