//! `aegis keys`: what this instance signs with.

use aegis_core::time::Timestamp;
use aegis_kernel::clock::Clock;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, ServerArgs, Whose};
use super::complaint::Complaint;
use super::{Exit, screen, verify};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List every key that ever signed.
    List(ServerArgs),
    /// Let the announced key of a purpose sign; the one that signed until now is retired.
    Rotate(RotateArgs),
    /// Retire a key: if it signs, its purpose is rotated.
    Retire(RetireArgs),
    /// Declare a key compromised: what it signed counts only if the log had it before.
    Compromise(CompromiseArgs),
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// What the key signs.
    #[arg(value_name = "PURPOSE", value_parser = ["passport", "status", "receipt", "log", "root"])]
    name: String,
    /// Published beside the retired key.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    /// The key, as `aegis keys list` names it.
    #[arg(value_name = "KEY_ID", allow_hyphen_values = true)]
    key_id: String,
    /// Published beside the retired key.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct CompromiseArgs {
    /// The key, as `aegis keys list` names it.
    #[arg(value_name = "KEY_ID", allow_hyphen_values = true)]
    key_id: String,
    /// From when it is not to be trusted: an RFC 3339 time, or `now`. A repeat may only reach further back.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Timestamp,
    /// Published beside the key.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArgs,
}

fn since(text: &str) -> Result<Timestamp, String> {
    if text == "now" { Ok(Clock::System.now().whole_second()) } else { verify::instant(text) }
}

pub(super) fn run(command: &KeysCommand) -> Result<Exit, Complaint> {
    match command {
        KeysCommand::List(server) => list(server),
        KeysCommand::Rotate(arguments) => {
            let client = Client::with_key(&arguments.server.url, Whose::Admin)?;
            rotate(&client, &arguments.name, arguments.reason.as_deref(), arguments.server.json)
        }
        KeysCommand::Retire(arguments) => retire(arguments),
        KeysCommand::Compromise(arguments) => compromise(arguments),
    }
}

/// One published key as text.
struct Line {
    id: String,
    purpose: String,
    status: String,
    since: String,
}

/// Passport keys first, newest first, as published.
fn lines(history: &Value) -> Vec<Line> {
    let text = |key: &Value, name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let line = |key: &Value, purpose: String| Line {
        id: text(key, "key_id"),
        status: text(key, "status"),
        since: text(key, "rotated_at"),
        purpose,
    };
    let keys = |name: &str| history.get(name).and_then(Value::as_array).into_iter().flatten();
    let passport = keys("keys").map(|key| line(key, "passport".to_owned()));
    passport.chain(keys("service_keys").map(|key| line(key, text(key, "purpose")))).collect()
}

fn list(server: &ServerArgs) -> Result<Exit, Complaint> {
    let answer = Client::anonymous(&server.url)?.get("/registry/keys")?;
    if server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let history = answer.json()?;
    let rows: Vec<Vec<String>> =
        lines(&history).into_iter().map(|key| vec![key.purpose, key.status, key.since, key.id]).collect();
    screen::say(&screen::table(&["PURPOSE", "STATUS", "SINCE", "KEY ID"], &rows));
    Ok(Exit::Done)
}

fn rotate(client: &Client, purpose: &str, reason: Option<&str>, as_json: bool) -> Result<Exit, Complaint> {
    let mut body = json!({ "purpose": purpose });
    if let (Some(reason), Some(body)) = (reason, body.as_object_mut()) {
        body.insert("reason".to_owned(), reason.into());
    }
    let answer = client.post("/registry/keys/rotate", body.to_string().as_bytes())?;
    if as_json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let done = answer.json()?;
    screen::say(&format!("The {purpose} key is rotated."));
    screen::say(&shown(&done, &["retired_key_id", "active_key_id", "version", "log_entry"]));
    Ok(Exit::Done)
}

/// Members of an answer with their values.
fn shown(answer: &Value, names: &[&'static str]) -> String {
    let value = |name: &str| {
        answer.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let facts: Vec<(&str, String)> = names.iter().filter_map(|name| Some((*name, value(name)?))).collect();
    screen::facts(&facts)
}

fn retire(arguments: &RetireArgs) -> Result<Exit, Complaint> {
    let RetireArgs { key_id, reason, server } = arguments;
    let client = Client::with_key(&server.url, Whose::Admin)?;
    let history = client.get("/registry/keys")?.json()?;
    let key = lines(&history).into_iter().find(|key| key.id == *key_id);
    let key = key.ok_or_else(|| {
        Complaint::refused(format!("no key is called {key_id}; `aegis keys list` names them all"))
    })?;
    if key.status == "active" {
        if !server.json {
            screen::remark(&format!("It signs for `{}`: the announced key takes its place.", key.purpose));
        }
        return rotate(&client, &key.purpose, reason.as_deref(), server.json);
    }
    Err(Complaint::refused(format!(
        "the key is {} since {}; it signs nothing any more",
        key.status, key.since
    )))
}

fn compromise(arguments: &CompromiseArgs) -> Result<Exit, Complaint> {
    let CompromiseArgs { key_id, since, reason, server } = arguments;
    let client = Client::with_key(&server.url, Whose::Admin)?;
    let is_key_id = |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
    if !is_key_id(key_id) {
        return Err(Complaint::usage("KEY_ID is 43 characters a-z A-Z 0-9 - _"));
    }
    let body = json!({ "revoked_at": since.to_rfc3339_seconds(), "reason": reason });
    let answer = client.post(&format!("/registry/keys/{key_id}/revoke"), body.to_string().as_bytes())?;
    if server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let done = answer.json()?;
    screen::say("The key is revoked.");
    let names = ["key_id", "revoked_at", "active_key_id", "passports_kept", "passports_voided", "log_entry"];
    screen::say(&shown(&done, &names));
    Ok(Exit::Done)
}
