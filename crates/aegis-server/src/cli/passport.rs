//! `aegis passport`: an operator's passports.

mod issue;
mod list;
mod revoke;

use std::path::Path;

use aegis_passport::ids::PassportId;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, ServerArgs, Whose};
use super::complaint::Complaint;
use super::{Exit, screen};

#[derive(Debug, Subcommand)]
pub(super) enum PassportCommand {
    /// Issue a passport and print the document, ready to be kept in a file.
    Issue(issue::IssueArgs),
    /// Show what is registered under a passport's id.
    Show(ShowArgs),
    /// List your passports, newest agents first.
    List(list::ListArgs),
    /// Revoke a passport with all that descend from it, or an agent with all its passports. It is final.
    Revoke(revoke::RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// A passport id (pp_…), or a file with a passport.
    #[arg(value_name = "PASSPORT")]
    passport: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(command: &PassportCommand) -> Result<Exit, Complaint> {
    match command {
        PassportCommand::Issue(arguments) => issue::run(arguments),
        PassportCommand::Show(arguments) => show(arguments),
        PassportCommand::List(arguments) => list::run(arguments),
        PassportCommand::Revoke(arguments) => revoke::run(arguments),
    }
}

/// The id of a passport that was named by its id or by a file that holds it.
fn passport_id(named: &str) -> Result<String, Complaint> {
    if let Some(id) = PassportId::parse(named) {
        return Ok(id.to_string());
    }
    let unusable = |why: String| {
        Complaint::usage(format!(
            "{named} is neither a passport id (pp_ and 32 hexadecimal digits) nor a file with a passport: {why}"
        ))
    };
    let text = std::fs::read(Path::new(named)).map_err(|error| unusable(error.to_string()))?;
    let document: Value = serde_json::from_slice(&text).map_err(|_| unusable("it is no JSON".to_owned()))?;
    let id = document.get("passport_id").and_then(Value::as_str).and_then(PassportId::parse);
    id.map(|id| id.to_string()).ok_or_else(|| unusable("it has no passport_id".to_owned()))
}

fn show(arguments: &ShowArgs) -> Result<Exit, Complaint> {
    let id = passport_id(&arguments.passport)?;
    let client = Client::with_key(&arguments.server.url, Whose::Operator)?;
    let answer = client.get(&format!("/registry/passports/{id}"))?;
    if arguments.server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let registration = answer.json()?;
    let at = |pointer: &str| match registration.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Some(other) => other.to_string(),
    };
    let facts = [
        ("passport", at("/passport/passport_id")),
        ("status", at("/status")),
        ("agent", at("/passport/agent_id")),
        ("name", at("/passport/agent_name")),
        ("operator", at("/passport/operator_id")),
        ("jurisdiction", at("/passport/jurisdiction")),
        ("risk", at("/passport/risk_classification")),
        ("policy", at("/passport/policy_bundle")),
        ("model", at("/passport/capability_attestation/model")),
        ("scopes", at("/passport/scopes")),
        ("parent", at("/passport/delegation/parent_passport_id")),
        ("issued", at("/passport/issued_at")),
        ("expires", at("/passport/expires_at")),
        ("key", at("/passport/key_id")),
        ("log entry", at("/log_entry")),
        ("log index", at("/log_index")),
        ("logged", at("/logged_at")),
    ];
    let known: Vec<(&str, String)> = facts.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    screen::say(&screen::facts(&known));
    Ok(Exit::Done)
}
