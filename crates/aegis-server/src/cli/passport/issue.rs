//! `aegis passport issue`.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::client::{Client, DEFAULT_URL, Whose};
use super::super::complaint::Complaint;
use super::super::{Exit, screen};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  aegis passport issue --operator op_acme_corp --jurisdiction EU --risk high \\\n    \
    --policy eu_ai_act+gdpr --model claude-opus-4-7 > passport.json"
)]
pub(crate) struct IssueArgs {
    /// Your operator id.
    #[arg(long, value_name = "ID", required_unless_present = "request")]
    operator: Option<String>,
    /// Country or subdivision (ISO 3166), or EU.
    #[arg(long, value_name = "CODE", required_unless_present = "request")]
    jurisdiction: Option<String>,
    /// How much harm the agent could do.
    #[arg(long, value_name = "RISK", required_unless_present = "request", value_parser = ["minimal", "limited", "high", "critical"])]
    risk: Option<String>,
    /// Policy packs, joined by +; each may name its version: gdpr@1.0.0.
    #[arg(long, value_name = "PACKS", required_unless_present = "request")]
    policy: Option<String>,
    /// The model the agent runs on.
    #[arg(long, value_name = "NAME", required_unless_present = "request")]
    model: Option<String>,
    /// A name of your own for the agent.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// An agent of yours that gets a further passport.
    #[arg(long, value_name = "AGENT_ID")]
    agent: Option<String>,
    /// What it may be granted at most, such as mail:* or files:read; may be repeated. [default: everything]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Life in seconds. [default: a year; critical: 90 days]
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// The passport this one descends from: an id, or a file.
    #[arg(long, value_name = "PASSPORT")]
    parent: Option<String>,
    /// Levels of delegation allowed below. [default: 0]
    #[arg(long, value_name = "N")]
    max_depth: Option<u8>,
    /// A file with the whole request as JSON instead of the options above; - reads the standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["operator", "jurisdiction", "risk", "policy", "model", "name", "agent", "scopes", "ttl", "parent", "max_depth"])]
    request: Option<PathBuf>,
    /// The server to ask.
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    url: String,
}

/// Prints the document alone to the standard output; what a person wants to know goes beside it.
pub(super) fn run(arguments: &IssueArgs) -> Result<Exit, Complaint> {
    let body = match &arguments.request {
        Some(file) => read(file)?,
        None => request(arguments)?.to_string().into_bytes(),
    };
    let client = Client::with_key(&arguments.url, Whose::Operator)?;
    let answer = client.post("/api/agent/issue", &body)?;
    let document = answer.json()?;
    screen::hand_over(&answer.body)?;
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    let entry = answer.log_entry.as_deref().unwrap_or("unknown");
    screen::remark(&format!("Issued {} to {}; log entry {entry}", text("passport_id"), text("agent_id")));
    Ok(Exit::Done)
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, Complaint> {
    let mut body = Vec::new();
    let outcome = if file.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut body))
    };
    outcome.map_err(|error| Complaint::usage(format!("{} cannot be read: {error}", file.display())))?;
    Ok(body)
}

/// The request; the server checks its values and says what is wrong with them.
fn request(arguments: &IssueArgs) -> Result<Value, Complaint> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let text = |value: &Option<String>| value.clone().map(Value::from);
    put("operator_id", text(&arguments.operator));
    put("jurisdiction", text(&arguments.jurisdiction));
    put("risk_classification", text(&arguments.risk));
    put("policy_bundle", text(&arguments.policy));
    put("capability_attestation", arguments.model.as_ref().map(|model| json!({ "model": model })));
    put("agent_name", text(&arguments.name));
    put("agent_id", text(&arguments.agent));
    put("scopes", Some(json!(arguments.scopes)).filter(|_| !arguments.scopes.is_empty()));
    put("ttl_seconds", arguments.ttl.map(Value::from));
    let parent = arguments.parent.as_deref().map(super::passport_id).transpose()?;
    put("parent_passport_id", parent.map(Value::from));
    put("delegation_max_depth", arguments.max_depth.map(Value::from));
    Ok(Value::Object(body))
}
