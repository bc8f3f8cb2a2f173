//! What passports put into the log and the outbox, and how their parts are read back from rows.

use std::sync::Arc;

use aegis_core::id::{AgentId, LogEntryId};
use aegis_core::json;
use aegis_core::limits::JSON_DEPTH_MAX;
use aegis_kernel::Caller;
use aegis_kernel::audit::Leaf;
use aegis_kernel::outbox::Event;
use aegis_passport::bundle::{PackName, PackVersion, PinnedPack};
use aegis_passport::document::SignedPassport;
use aegis_passport::ids::{OperatorId, PassportId};
use aegis_passport::lineage::Entry;
use aegis_store::{Cause, Fault, Tx};
use serde_json::{Value, json};

use super::sql::{self, LineageRow, PassportRow};

/// The leaf of a lineage entry: its details are the entry itself.
pub(super) fn lineage_leaf(entry: &Entry, id: LogEntryId, reader: &str) -> Result<Leaf, Fault> {
    let details: Value = serde_json::from_slice(&entry.canonical()).map_err(|error| Fault::Internal {
        what: "write a lineage entry as JSON",
        cause: Cause::new(error),
    })?;
    Ok(Leaf::done(entry.agent_id, Some(reader), details).named(id))
}

/// Writes a lineage entry under the log entry that holds it.
pub(super) fn insert_lineage(tx: &mut Tx<'_>, entry: &Entry, id: LogEntryId) -> Result<(), Fault> {
    let text = String::from_utf8(entry.canonical()).map_err(|error| Fault::Internal {
        what: "write a lineage entry as text",
        cause: Cause::new(error),
    })?;
    let row = LineageRow { seq: entry.seq, entry: text, hash: entry.hash(), log_entry: id };
    sql::insert_lineage(tx, entry.agent_id, entry.passport_id, &row)
}

/// An issuance over the limit.
pub(super) fn issue_refused(operator: &OperatorId, caller: &Caller) -> Leaf {
    let details = json!({ "event": "issue.refused", "reason_code": "RATE_LIMITED" });
    Leaf::denied(operator, Some(caller.actor()), details)
}

/// An event about one passport, for its operator.
pub(super) fn passport_event(kind: &'static str, organization: String, row: &PassportRow) -> Event {
    Event {
        kind,
        organization: Some(organization),
        subject: row.agent.to_string(),
        payload: json!({
            "agent_id": row.agent.to_string(),
            "passport_id": row.id.to_string(),
            "operator_id": row.operator.as_str(),
            "key_id": row.key_id,
            "risk_classification": row.risk,
            "issued_at": row.issued_at.to_rfc3339_seconds(),
            "expires_at": row.expires_at.to_rfc3339_seconds(),
            "log_entry": row.log_entry.to_string(),
        }),
    }
}

/// A stored passport, read as strictly as a foreign one.
pub(super) fn read_document(tx: &mut Tx<'_>, id: PassportId) -> Result<SignedPassport, Fault> {
    let damaged = || Fault::Damaged { cause: Cause::text("a stored passport cannot be read") };
    let document = sql::find_document(tx, id)?.ok_or_else(damaged)?;
    let json = json::parse(document.as_bytes(), JSON_DEPTH_MAX).map_err(|_| damaged())?;
    SignedPassport::read(&json).map_err(|_| damaged())
}

/// Pins as a row keeps them: `name@version sha256`, one a line.
pub(super) fn write_pins(pins: &[PinnedPack]) -> String {
    let lines: Vec<String> =
        pins.iter().map(|pin| format!("{}@{} {}", pin.name, pin.version, pin.sha256)).collect();
    lines.join("\n")
}

/// Reads what [`write_pins`] wrote.
pub(super) fn read_pins(text: &str) -> Result<Arc<[PinnedPack]>, Fault> {
    let pin = |line: &str| {
        let (named, digest) = line.split_once(' ')?;
        let (name, version) = named.split_once('@')?;
        Some(PinnedPack {
            name: PackName::parse(name)?,
            version: PackVersion::parse(version)?,
            sha256: aegis_core::crypto::digest::Digest::parse(digest)?,
        })
    };
    text.lines()
        .map(pin)
        .collect::<Option<Vec<_>>>()
        .map(Arc::from)
        .ok_or_else(|| Fault::Damaged { cause: Cause::text("policy_pin.pins is unreadable") })
}

/// Why something was revoked, for the audit trail only: an entry of its own, because the revocation's details
/// are exactly its lineage entry.
pub(super) fn reason_leaf(agent: AgentId, revocation: LogEntryId, reader: &str, reason: &str) -> Leaf {
    let details =
        json!({ "event": "revocation_reason", "log_entry": revocation.to_string(), "reason": reason });
    Leaf::done(agent, Some(reader), details)
}

/// The organization behind an operator id: whose audit trail an admin's act belongs to.
pub(super) fn organization_of(
    tx: &mut Tx<'_>,
    operator: &OperatorId,
    caller: &Caller,
) -> Result<String, Fault> {
    match caller.organization() {
        Some(organization) => Ok(organization.id.clone()),
        None => Ok(sql::find_organization_of(tx, operator.as_str())?.unwrap_or_else(|| operator.to_string())),
    }
}
