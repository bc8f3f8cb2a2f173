//! `aegis trust-root`: whom this machine believes, pinned in a file.

use std::path::{Path, PathBuf};

use aegis_core::crypto::digest::Digest;
use aegis_core::json;
use aegis_core::limits::JSON_DEPTH_MAX;
use aegis_passport::key_history::{HistoryRefused, SignedKeyHistory};
use clap::{ArgGroup, Args, Subcommand};

use super::client::Client;
use super::complaint::Complaint;
use super::{Exit, sandbox_files, screen};

/// Rights of a rewritten trust root: it holds public keys, and others may read it.
const PUBLIC_FILE: u32 = 0o644;

#[derive(Debug, Subcommand)]
pub(super) enum TrustRootCommand {
    /// Take the keys of an issuer for the first time, and print them.
    Fetch(FetchArgs),
    /// Follow an issuer to its newest keys: only forward, and only if the keys held so far sign for them.
    Update(UpdateArgs),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("why").required(true).args(["fingerprint", "accept_first"])))]
pub(super) struct FetchArgs {
    /// The issuer's server.
    #[arg(value_name = "URL")]
    url: String,
    /// The digest the keys must have: `aegis serve` prints it; ask its operator for it by another way.
    #[arg(long, value_name = "sha256:HEX", value_parser = digest)]
    fingerprint: Option<Digest>,
    /// Believe whatever the server shows now.
    #[arg(long)]
    accept_first: bool,
}

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// The issuer's server.
    #[arg(value_name = "URL")]
    url: String,
    /// The file with the keys held so far; it is replaced as a whole.
    #[arg(long, value_name = "FILE")]
    trust_root: PathBuf,
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| "sha256: and 64 lower-case hexadecimal digits".to_owned())
}

pub(super) fn run(command: &TrustRootCommand) -> Result<Exit, Complaint> {
    match command {
        TrustRootCommand::Fetch(arguments) => fetch(arguments),
        TrustRootCommand::Update(arguments) => update(arguments),
    }
}

/// The published keys of the server, with the bytes they came in.
pub(super) fn published(client: &Client) -> Result<(SignedKeyHistory, Vec<u8>), Complaint> {
    let bytes = client.get("/registry/keys")?.body;
    let history = read(&bytes)
        .map_err(|why| Complaint::refused(format!("what {} publishes as its keys {why}", client.base())))?;
    Ok((history, bytes))
}

/// The keys in a file.
pub(super) fn pinned(path: &Path) -> Result<SignedKeyHistory, Complaint> {
    let bytes = std::fs::read(path)
        .map_err(|error| Complaint::usage(format!("{} cannot be read: {error}", path.display())))?;
    read(&bytes).map_err(|why| Complaint::usage(format!("{} {why}", path.display())))
}

/// Reads a key history and checks that its own root signed it. The error continues a sentence.
fn read(bytes: &[u8]) -> Result<SignedKeyHistory, String> {
    let json = json::parse(bytes, JSON_DEPTH_MAX).map_err(|error| format!("is no JSON: {error}"))?;
    let history = SignedKeyHistory::read(&json).map_err(|error| format!("is no key history: {error}"))?;
    history.check_own_root().map_err(|error| format!("cannot be believed: {error}"))?;
    Ok(history)
}

fn fetch(arguments: &FetchArgs) -> Result<Exit, Complaint> {
    let client = Client::anonymous(&arguments.url)?;
    let (history, bytes) = published(&client)?;
    let found = history.digest();
    match arguments.fingerprint {
        Some(expected) if expected != found => {
            return Err(Complaint::refused(format!(
                "these are not the keys you expect\n  expected {expected}\n  found    {found}\n  \
                 The keys change with every rotation: ask for the present digest, by a way that does not \
                 lead through this server."
            )));
        }
        Some(_) => {}
        None => {
            screen::remark(&format!("Accepted unseen: {found}. Compare it with what `aegis serve` printed."));
        }
    }
    screen::hand_over(&bytes)?;
    let history = history.history();
    screen::remark(&format!("{}, version {} of its keys", history.issuer, history.version));
    Ok(Exit::Done)
}

fn update(arguments: &UpdateArgs) -> Result<Exit, Complaint> {
    let held = pinned(&arguments.trust_root)?;
    let client = Client::anonymous(&arguments.url)?;
    let (offered, bytes) = published(&client)?;
    offered.follows(&held).map_err(|refused| {
        let advice = if let HistoryRefused::RootSignaturesMissing { .. } = refused {
            "\n  If its root changed since, pin it anew: aegis trust-root fetch URL --fingerprint sha256:…"
        } else {
            ""
        };
        Complaint::refused(format!("{refused}\n  {} stays as it is{advice}", arguments.trust_root.display()))
    })?;
    let (from, to) = (held.history().version, offered.history().version);
    if offered.digest() == held.digest() {
        screen::say(&format!("Version {from} is still the newest."));
        return Ok(Exit::Done);
    }
    let mut content = bytes;
    content.push(b'\n');
    sandbox_files::replace(&arguments.trust_root, &content, PUBLIC_FILE).map_err(|error| {
        Complaint::refused(format!("cannot write {}: {error}", arguments.trust_root.display()))
    })?;
    screen::say(&format!("Updated from version {from} to {to}: {}", offered.digest()));
    Ok(Exit::Done)
}
