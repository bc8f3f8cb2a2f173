//! `aegis webhook`: the endpoints of an organization, for whoever holds a key with the scope `webhooks`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Answer, Client, ServerArgs, Whose};
use super::complaint::Complaint;
use super::{Exit, screen};

const PATH: &str = "/v1/webhooks";

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// List your endpoints, newest first.
    List(ListArgs),
    /// Name an endpoint; its signing secret is shown once.
    Create(CreateArgs),
    /// Show one endpoint.
    Show(OneArgs),
    /// Send an endpoint nothing more; what waits is cancelled.
    Disable(OneArgs),
    /// Send a disabled endpoint events again.
    Enable(OneArgs),
    /// Make a new signing secret, shown once; the old one signs beside it for 24 hours.
    Rotate(OneArgs),
    /// Send an endpoint an event that says nothing.
    Test(OneArgs),
    /// List the deliveries to an endpoint and how each went, newest first.
    Deliveries(OneArgs),
    /// Deliver an event again, under the same id.
    Redeliver(OneArgs),
    /// Forget an endpoint, its secrets and its deliveries.
    Delete(OneArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Where events are posted to.
    #[arg(value_name = "URL")]
    target: String,
    /// A kind of event, such as passport.issued; may be repeated. Without it: all kinds.
    #[arg(long = "event", value_name = "KIND")]
    events: Vec<String>,
    /// What you call it.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Keep the order of events about the same subject.
    #[arg(long)]
    ordered: bool,
    /// Sign with Ed25519 as well.
    #[arg(long)]
    asymmetric: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// The endpoint's id (`whk_…`); to redeliver, the delivery's (`whd_…`).
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Part of a path, so nothing that could lead elsewhere.
fn id(text: &str) -> Result<String, String> {
    let fits = text.starts_with("wh")
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("an id such as whk_019e099acb007b6a9d0e1f2031425364".to_owned())
    }
}

pub(super) fn run(command: &WebhookCommand) -> Result<Exit, Complaint> {
    match command {
        WebhookCommand::List(arguments) => list(&arguments.server),
        WebhookCommand::Create(arguments) => create(arguments),
        WebhookCommand::Show(one) => shown(&one.client()?.get(&one.path(""))?, one.server.json),
        WebhookCommand::Disable(one) => set_enabled(one, false),
        WebhookCommand::Enable(one) => set_enabled(one, true),
        WebhookCommand::Rotate(one) => {
            with_secret(&one.client()?.post(&one.path("/rotate"), b"")?, one.server.json)
        }
        WebhookCommand::Test(one) => {
            let answer = one.client()?.post(&one.path("/test"), b"")?;
            facts(&answer, one.server.json, |sent| vec![("event", text(sent, "eventId"))])
        }
        WebhookCommand::Deliveries(one) => deliveries(one),
        WebhookCommand::Redeliver(one) => {
            let answer = one.client()?.post(&format!("{PATH}/deliveries/{}/redeliver", one.id), b"")?;
            facts(&answer, one.server.json, |sent| {
                vec![("event", text(sent, "eventId")), ("state", text(sent, "state"))]
            })
        }
        WebhookCommand::Delete(one) => {
            one.client()?.delete(&one.path(""))?;
            screen::remark(&format!("{} is gone.", one.id));
            Ok(Exit::Done)
        }
    }
}

impl OneArgs {
    fn client(&self) -> Result<Client, Complaint> {
        Client::with_key(&self.server.url, Whose::Operator)
    }

    fn path(&self, rest: &str) -> String {
        format!("{PATH}/{}{rest}", self.id)
    }
}

fn list(server: &ServerArgs) -> Result<Exit, Complaint> {
    let answer = Client::with_key(&server.url, Whose::Operator)?.get(&format!("{PATH}?limit=200"))?;
    if server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let page = answer.json()?;
    let found = page.get("webhooks").and_then(Value::as_array).into_iter().flatten();
    let row = |one: &Value| vec![text(one, "id"), state(one), events(one), text(one, "url")];
    let rows: Vec<Vec<String>> = found.map(row).collect();
    screen::say(&screen::table(&["ID", "STATE", "EVENTS", "URL"], &rows));
    Ok(Exit::Done)
}

fn create(arguments: &CreateArgs) -> Result<Exit, Complaint> {
    let CreateArgs { target, events, description, ordered, asymmetric, server } = arguments;
    let everything = vec!["*".to_owned()];
    let events = if events.is_empty() { &everything } else { events };
    let mut body = json!({ "url": target, "events": events, "ordered": ordered, "asymmetric": asymmetric });
    if let (Some(description), Some(body)) = (description, body.as_object_mut()) {
        body.insert("description".to_owned(), description.as_str().into());
    }
    let client = Client::with_key(&server.url, Whose::Operator)?;
    with_secret(&client.post(PATH, body.to_string().as_bytes())?, server.json)
}

fn set_enabled(one: &OneArgs, enabled: bool) -> Result<Exit, Complaint> {
    let body = json!({ "enabled": enabled }).to_string();
    shown(&one.client()?.patch(&one.path(""), body.as_bytes())?, one.server.json)
}

fn deliveries(one: &OneArgs) -> Result<Exit, Complaint> {
    let answer = one.client()?.get(&one.path("/deliveries"))?;
    if one.server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let page = answer.json()?;
    let found = page.get("deliveries").and_then(Value::as_array).into_iter().flatten();
    let row = |one: &Value| {
        let attempts = one.get("attempts").and_then(Value::as_array);
        let last = attempts.and_then(|attempts| attempts.first());
        let status = last.and_then(|last| last.get("status")).and_then(Value::as_u64);
        let failure = || last.map(|last| text(last, "failure")).unwrap_or_default();
        let outcome = status.map_or_else(failure, |status| status.to_string());
        let count = attempts.map_or(0, Vec::len).to_string();
        vec![text(one, "id"), text(one, "type"), text(one, "state"), count, outcome, text(one, "createdAt")]
    };
    let rows: Vec<Vec<String>> = found.map(row).collect();
    screen::say(&screen::table(&["ID", "EVENT", "STATE", "TRIES", "LAST", "CREATED"], &rows));
    Ok(Exit::Done)
}

fn with_secret(answer: &Answer, as_json: bool) -> Result<Exit, Complaint> {
    shown(answer, as_json)?;
    if !as_json {
        screen::remark("This is its signing secret; it is shown only now:");
        screen::hand_over(text(&answer.json()?, "secret").as_bytes())?;
    }
    Ok(Exit::Done)
}

fn shown(answer: &Answer, as_json: bool) -> Result<Exit, Complaint> {
    facts(answer, as_json, |one| {
        let mut facts = vec![
            ("id", text(one, "id")),
            ("url", text(one, "url")),
            ("events", events(one)),
            ("state", state(one)),
            ("created", text(one, "createdAt")),
        ];
        let keys = one.get("publicKeys").and_then(Value::as_array).into_iter().flatten();
        facts.extend(keys.filter_map(Value::as_str).map(|key| ("public key", key.to_owned())));
        facts
    })
}

fn facts(
    answer: &Answer,
    as_json: bool,
    of: impl Fn(&Value) -> Vec<(&'static str, String)>,
) -> Result<Exit, Complaint> {
    if as_json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let body = answer.json()?;
    let mut facts = of(&body);
    if let Some(entry) = body.get("logEntry").and_then(Value::as_str) {
        facts.push(("log entry", entry.to_owned()));
    }
    screen::say(&screen::facts(&facts));
    Ok(Exit::Done)
}

fn text(one: &Value, name: &str) -> String {
    one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn events(one: &Value) -> String {
    let events = one.get("events").and_then(Value::as_array).into_iter().flatten();
    events.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn state(one: &Value) -> String {
    match one.get("disabledReason").and_then(Value::as_str) {
        None => "enabled".to_owned(),
        Some(reason) => format!("disabled ({reason})"),
    }
}
