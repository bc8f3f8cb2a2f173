//! Statements on agents and their lineage.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::{AgentId, LogEntryId};
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_passport::ids::{OperatorId, PassportId};
use aegis_passport::lineage::Head;
use aegis_store::{Fault, Row, Sql, Tx, Value};

use super::{instant, optional_instant, parsed};

/// An agent as stored.
#[derive(Debug, Clone)]
pub(crate) struct AgentRow {
    pub(crate) id: AgentId,
    pub(crate) operator: OperatorId,
    pub(crate) name: Option<String>,
    pub(crate) head: Head,
    pub(crate) revoked: Option<AgentRevocation>,
    pub(crate) created_at: Timestamp,
}

/// How an agent ended.
#[derive(Debug, Clone)]
pub(crate) struct AgentRevocation {
    pub(crate) revoked_at: Timestamp,
    pub(crate) effective_from: Timestamp,
    pub(crate) reason_code: String,
    pub(crate) log_entry: LogEntryId,
    pub(crate) sequence: u64,
}

pub(crate) fn find_agent(tx: &mut Tx<'_>, id: AgentId) -> Result<Option<AgentRow>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, operator_id, agent_name, lineage_seq, lineage_hash, revoked_at, effective_from, \
         reason_code, revoke_log_entry, revoke_sequence, created_at FROM agent WHERE id = $1",
    );
    tx.optional(FIND, &[id.to_string().into()], agent_row)
}

/// Which agents to list; absent members admit everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct AgentFilter {
    pub(crate) operator: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) risk: Option<String>,
}

pub(crate) fn list_agents(
    tx: &mut Tx<'_>,
    filter: &AgentFilter,
    page: &Page,
) -> Result<Vec<AgentRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, operator_id, agent_name, lineage_seq, lineage_hash, revoked_at, effective_from, \
         reason_code, revoke_log_entry, revoke_sequence, created_at FROM agent \
         WHERE (CAST($1 AS TEXT) IS NULL OR operator_id = $1) AND (CAST($2 AS TEXT) IS NULL OR status = $2) \
         AND (CAST($3 AS TEXT) IS NULL OR agent_name = $3) \
         AND (CAST($4 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM passport p WHERE p.agent_id = agent.id \
         AND p.risk_classification = $4)) \
         AND (CAST($5 AS TEXT) IS NULL OR id < $5) ORDER BY id DESC LIMIT $6",
    );
    let values: [Value; 6] = [
        filter.operator.as_deref().into(),
        filter.status.as_deref().into(),
        filter.name.as_deref().into(),
        filter.risk.as_deref().into(),
        page.after().into(),
        page.fetch_count().into(),
    ];
    tx.list(LIST, &values, agent_row)
}

/// All agents in the order of their ids, for full checks.
pub(crate) fn list_all_agents(
    tx: &mut Tx<'_>,
    after: Option<AgentId>,
    limit: u32,
) -> Result<Vec<AgentRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, operator_id, agent_name, lineage_seq, lineage_hash, revoked_at, effective_from, \
         reason_code, revoke_log_entry, revoke_sequence, created_at FROM agent \
         WHERE (CAST($1 AS TEXT) IS NULL OR id > $1) ORDER BY id LIMIT $2",
    );
    tx.list(LIST, &[after.map(|id| id.to_string()).into(), limit.into()], agent_row)
}

pub(crate) fn insert_agent(tx: &mut Tx<'_>, agent: &AgentRow) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO agent (id, operator_id, agent_name, status, lineage_seq, lineage_hash, created_at) \
         VALUES ($1, $2, $3, 'active', $4, $5, $6)",
    );
    let values: [Value; 6] = [
        agent.id.to_string().into(),
        agent.operator.as_str().into(),
        agent.name.as_deref().into(),
        Value::try_from(agent.head.seq)?,
        agent.head.hash.to_string().into(),
        agent.created_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(crate) fn update_lineage_head(tx: &mut Tx<'_>, id: AgentId, head: Head) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE agent SET lineage_seq = $2, lineage_hash = $3 WHERE id = $1");
    tx.execute(UPDATE, &[id.to_string().into(), Value::try_from(head.seq)?, head.hash.to_string().into()])
        .map(drop)
}

pub(crate) fn update_agent_name(tx: &mut Tx<'_>, id: AgentId, name: &str) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE agent SET agent_name = $2 WHERE id = $1");
    tx.execute(UPDATE, &[id.to_string().into(), name.into()]).map(drop)
}

pub(crate) fn update_agent_revoked(
    tx: &mut Tx<'_>,
    id: AgentId,
    revocation: &AgentRevocation,
) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE agent SET status = 'revoked', revoked_at = $2, effective_from = $3, reason_code = $4, \
         revoke_sequence = $5, revoke_log_entry = $6 WHERE id = $1",
    );
    let values: [Value; 6] = [
        id.to_string().into(),
        revocation.revoked_at.as_micros().into(),
        revocation.effective_from.as_micros().into(),
        revocation.reason_code.as_str().into(),
        Value::try_from(revocation.sequence)?,
        revocation.log_entry.to_string().into(),
    ];
    tx.execute(UPDATE, &values).map(drop)
}

/// Whether another agent of this operator that is not revoked has this name.
pub(crate) fn name_is_taken(
    tx: &mut Tx<'_>,
    operator: &OperatorId,
    name: &str,
    except: AgentId,
) -> Result<bool, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT COUNT(*) FROM agent WHERE operator_id = $1 AND agent_name = $2 AND id <> $3 AND status <> 'revoked'",
    );
    let count: i64 =
        tx.one(FIND, &[operator.as_str().into(), name.into(), except.to_string().into()], |row| row.get(0))?;
    Ok(count > 0)
}

/// A lineage entry as stored: the JSON, its hash, and the log entry that holds it.
#[derive(Debug, Clone)]
pub(crate) struct LineageRow {
    pub(crate) seq: u64,
    pub(crate) entry: String,
    pub(crate) hash: Digest,
    pub(crate) log_entry: LogEntryId,
}

pub(crate) fn insert_lineage(
    tx: &mut Tx<'_>,
    agent: AgentId,
    passport: Option<PassportId>,
    row: &LineageRow,
) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO lineage_entry (agent_id, seq, passport_id, entry, hash, log_entry) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let values: [Value; 6] = [
        agent.to_string().into(),
        Value::try_from(row.seq)?,
        passport.map(|id| id.to_string()).into(),
        row.entry.as_str().into(),
        row.hash.to_string().into(),
        row.log_entry.to_string().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

/// Oldest first, after position `after`.
pub(crate) fn list_lineage(
    tx: &mut Tx<'_>,
    agent: AgentId,
    after: u64,
    limit: i64,
) -> Result<Vec<LineageRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT seq, entry, hash, log_entry FROM lineage_entry WHERE agent_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    );
    tx.list(LIST, &[agent.to_string().into(), Value::try_from(after)?, limit.into()], |row| {
        Ok(LineageRow {
            seq: row.get(0)?,
            entry: row.get(1)?,
            hash: parsed("lineage_entry.hash", &row.get::<String>(2)?, Digest::parse)?,
            log_entry: parsed("lineage_entry.log_entry", &row.get::<String>(3)?, LogEntryId::parse)?,
        })
    })
}

fn agent_row(row: &Row<'_>) -> Result<AgentRow, Fault> {
    let revoked = match optional_instant(row, 5)? {
        None => None,
        Some(revoked_at) => Some(AgentRevocation {
            revoked_at,
            effective_from: instant(row, 6)?,
            reason_code: row.get(7)?,
            log_entry: parsed("agent.revoke_log_entry", &row.get::<String>(8)?, LogEntryId::parse)?,
            sequence: row.get(9)?,
        }),
    };
    Ok(AgentRow {
        id: parsed("agent.id", &row.get::<String>(0)?, AgentId::parse)?,
        operator: parsed("agent.operator_id", &row.get::<String>(1)?, OperatorId::parse)?,
        name: row.get(2)?,
        head: Head {
            seq: row.get(3)?,
            hash: parsed("agent.lineage_hash", &row.get::<String>(4)?, Digest::parse)?,
        },
        revoked,
        created_at: instant(row, 10)?,
    })
}
