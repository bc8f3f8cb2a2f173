//! `aegis passport revoke`.

use aegis_core::time::Timestamp;
use aegis_passport::facts::RevocationReason;
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::super::client::{Client, ServerArgs, Whose};
use super::super::complaint::Complaint;
use super::super::{Exit, screen, verify};

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// A passport id (pp_…), a file with a passport, or an agent id (agent_…) for all of its passports.
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Why, for your own records; never published.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Why, published.
    #[arg(long, value_name = "CODE", value_parser = reason_codes())]
    reason_code: Option<String>,
    /// From when it holds, not later than now. [default: now]
    #[arg(long, value_name = "TIME", value_parser = verify::instant)]
    effective_from: Option<Timestamp>,
    /// Refuse if passports that descend from it are alive, instead of revoking them too.
    #[arg(long)]
    no_cascade: bool,
    /// Say what would be revoked, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// The published reasons.
fn reason_codes() -> PossibleValuesParser {
    RevocationReason::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>().into()
}

pub(super) fn run(arguments: &RevokeArgs) -> Result<Exit, Complaint> {
    let subject = if arguments.subject.starts_with("agent_") {
        ("agent_id", arguments.subject.clone())
    } else {
        ("passport_id", super::passport_id(&arguments.subject)?)
    };
    let mut body = json!({ subject.0: subject.1, "reason": arguments.reason });
    if let Some(body) = body.as_object_mut() {
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if let Some(code) = &arguments.reason_code {
            put("reason_code", code.as_str().into());
        }
        if let Some(from) = arguments.effective_from {
            put("effective_from", from.to_rfc3339_seconds().into());
        }
        put("cascade", (!arguments.no_cascade).into());
        put("dry_run", arguments.dry_run.into());
    }
    let client = Client::with_key(&arguments.server.url, Whose::Operator)?;
    let answer = client.post("/registry/revoke", body.to_string().as_bytes())?;
    if arguments.server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    screen::say(&told(&answer.json()?, arguments.dry_run));
    Ok(Exit::Done)
}

fn told(done: &Value, dry_run: bool) -> String {
    let text = |name: &str| done.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ids = |name: &str| -> Vec<String> {
        let named = done.get(name).and_then(Value::as_array).into_iter().flatten();
        named.filter_map(|named| named.get("passport_id")?.as_str().map(str::to_owned)).collect()
    };
    let (own, below) = (ids("passports"), ids("cascaded"));
    let before = done.get("already_revoked").and_then(Value::as_bool).unwrap_or_default();
    let head = if dry_run {
        "Nothing was changed. This would be revoked:"
    } else if before {
        "It was revoked before:"
    } else {
        "Revoked, for good:"
    };
    let mut facts = vec![("agent", text("agent_id")), ("since", text("effective_from"))];
    facts.extend(own.into_iter().map(|id| ("passport", id)));
    facts.extend(below.into_iter().map(|id| ("below it", id)));
    if let Some(entry) = done.get("log_entry").and_then(Value::as_str) {
        facts.push(("log entry", entry.to_owned()));
    }
    format!("{head}\n{}", screen::facts(&facts))
}
