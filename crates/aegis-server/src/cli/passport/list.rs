//! `aegis passport list`.

use clap::Args;
use serde_json::Value;

use super::super::client::{Client, ServerArgs, Whose};
use super::super::complaint::Complaint;
use super::super::{Exit, screen};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only agents that are active, or only revoked ones.
    #[arg(long, value_name = "STATUS", value_parser = ["active", "suspended", "revoked"])]
    status: Option<String>,
    /// Agents of a page.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on where an earlier page ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(arguments: &ListArgs) -> Result<Exit, Complaint> {
    let client = Client::with_key(&arguments.server.url, Whose::Operator)?;
    let mut path = format!("/registry/agents?limit={}", arguments.limit);
    for (name, value) in [("status", &arguments.status), ("cursor", &arguments.cursor)] {
        if let Some(value) = value {
            path.push_str(&["&", name, "=", value].concat());
        }
    }
    let answer = client.get(&path)?;
    if arguments.server.json {
        screen::hand_over(&answer.body)?;
        return Ok(Exit::Done);
    }
    let page = answer.json()?;
    let agents = page.get("agents").and_then(Value::as_array).into_iter().flatten();
    let rows: Vec<Vec<String>> = agents.flat_map(rows).collect();
    screen::say(&screen::table(&["PASSPORT", "STATUS", "EXPIRES", "AGENT"], &rows));
    if let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) {
        screen::remark(&format!("There are more: --cursor {cursor}"));
    }
    Ok(Exit::Done)
}

/// One row for each passport of an agent; its name, where it has one, stands for its id.
fn rows(agent: &Value) -> Vec<Vec<String>> {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = agent.get("agent_name").and_then(Value::as_str);
    let name = name.map_or_else(|| text(agent, "agent_id"), str::to_owned);
    let passports = agent.get("passports").and_then(Value::as_array).into_iter().flatten();
    passports
        .map(|passport| {
            let column = |name: &str| text(passport, name);
            vec![column("passport_id"), column("status"), column("expires_at"), name.clone()]
        })
        .collect()
}
