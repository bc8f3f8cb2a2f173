//! `aegis org`: the organizations of an instance, for its admin.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Client, ServerArgs, Whose};
use super::complaint::Complaint;
use super::{Exit, screen};

/// Every path below this one is the admin's.
const PATH: &str = "/v1/admin/organizations";

#[derive(Debug, Subcommand)]
pub(super) enum OrgCommand {
    /// List organizations, newest first.
    List(ListArgs),
    /// Create an organization and its first key, which is shown once.
    Create(CreateArgs),
    /// Show one organization.
    Show(OneArgs),
    /// Stop everything of an organization at once: its keys, its tokens, its agents.
    Suspend(OneArgs),
    /// Let a suspended organization act again.
    Resume(OneArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Organizations of a page.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on where an earlier page ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// How it is called.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it does here; may be repeated.
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = ["operator", "provider", "consumer", "auditor"])]
    roles: Vec<String>,
    /// ISO 3166-1 country code, two capital letters.
    #[arg(long, value_name = "CODE")]
    country: String,
    /// Its id in a role, such as `operator=op_acme_corp`; one is made for a role without. May be repeated.
    #[arg(long = "id", value_name = "ROLE=ID", value_parser = id_of_role)]
    ids: Vec<(String, String)>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// Its id in any of its roles.
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

fn id_of_role(text: &str) -> Result<(String, String), String> {
    let (role, id) = text.split_once('=').ok_or("a role, = and an id, such as operator=op_acme_corp")?;
    Ok((role.to_owned(), id.to_owned()))
}

/// Part of a path, so nothing that could lead elsewhere.
fn id(text: &str) -> Result<String, String> {
    let fits = !text.is_empty()
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_'));
    if fits { Ok(text.to_owned()) } else { Err("an id such as op_acme_corp".to_owned()) }
}

pub(super) fn run(command: &OrgCommand) -> Result<Exit, Complaint> {
    match command {
        OrgCommand::List(arguments) => list(arguments),
        OrgCommand::Create(arguments) => create(arguments),
        OrgCommand::Show(arguments) => {
            let client = Client::with_key(&arguments.server.url, Whose::Admin)?;
            show(&client.get(&format!("{PATH}/{}", arguments.id))?, arguments.server.json)
        }
        OrgCommand::Suspend(arguments) => set_suspended(arguments, true),
        OrgCommand::Resume(arguments) => set_suspended(arguments, false),
    }
}

fn list(arguments: &ListArgs) -> Result<Exit, Complaint> {
    let client = Client::with_key(&arguments.server.url, Whose::Admin)?;
    let mut path = format!("{PATH}?limit={}", arguments.limit);
    if let Some(cursor) = &arguments.cursor {
        path.push_str("&cursor=");
        path.push_str(cursor);
    }
    let answer = client.get(&path)?;
    if arguments.server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let page = answer.json()?;
    let found = page.get("organizations").and_then(Value::as_array);
    let row = |org: &Value| {
        vec![text(org, "id"), roles(org), text(org, "country"), state(org).to_owned(), text(org, "name")]
    };
    let rows: Vec<Vec<String>> = found.into_iter().flatten().map(row).collect();
    screen::say(&screen::table(&["ID", "ROLES", "COUNTRY", "STATE", "NAME"], &rows));
    if let Some(cursor) = page.get("nextCursor").and_then(Value::as_str) {
        screen::remark(&format!("There are more: --cursor {cursor}"));
    }
    Ok(Exit::Done)
}

fn create(arguments: &CreateArgs) -> Result<Exit, Complaint> {
    let client = Client::with_key(&arguments.server.url, Whose::Admin)?;
    let CreateArgs { name, roles, country, ids, server } = arguments;
    let mut body = json!({ "name": name, "roles": roles, "country": country });
    if let (false, Some(body)) = (ids.is_empty(), body.as_object_mut()) {
        let ids: Map<String, Value> =
            ids.iter().map(|(role, id)| (role.clone(), id.as_str().into())).collect();
        body.insert("ids".to_owned(), Value::Object(ids));
    }
    let answer = client.post(PATH, body.to_string().as_bytes())?;
    if server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let made = answer.json()?;
    screen::say(&described(&made));
    let secret = made.pointer("/apiKey/secret").and_then(Value::as_str).unwrap_or_default();
    screen::remark("This is its first key; it is shown only now:");
    screen::hand_over(secret.as_bytes())?;
    Ok(Exit::Done)
}

fn set_suspended(arguments: &OneArgs, suspended: bool) -> Result<Exit, Complaint> {
    let client = Client::with_key(&arguments.server.url, Whose::Admin)?;
    let body = json!({ "suspended": suspended });
    let answer = client.patch(&format!("{PATH}/{}", arguments.id), body.to_string().as_bytes())?;
    show(&answer, arguments.server.json)
}

fn show(answer: &super::client::Answer, as_json: bool) -> Result<Exit, Complaint> {
    if as_json {
        screen::hand_over(&answer.body)?;
    } else {
        screen::say(&described(&answer.json()?));
    }
    Ok(Exit::Done)
}

fn described(org: &Value) -> String {
    let mut facts = vec![
        ("id", text(org, "id")),
        ("name", text(org, "name")),
        ("roles", roles(org)),
        ("country", text(org, "country")),
        ("state", state(org).to_owned()),
        ("created", text(org, "createdAt")),
    ];
    if let Some(entry) = org.get("logEntry").and_then(Value::as_str) {
        facts.push(("log entry", entry.to_owned()));
    }
    screen::facts(&facts)
}

fn text(org: &Value, name: &str) -> String {
    org.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn roles(org: &Value) -> String {
    let roles = org.get("roles").and_then(Value::as_array).into_iter().flatten();
    roles.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn state(org: &Value) -> &'static str {
    let suspended = org.get("suspended").and_then(Value::as_bool).unwrap_or_default();
    if suspended { "suspended" } else { "active" }
}
