//! Statements on passports.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::{AgentId, LogEntryId};
use aegis_core::time::Timestamp;
use aegis_passport::facts::{Revocation, RevocationReason};
use aegis_passport::ids::{OperatorId, PassportId};
use aegis_passport::lineage::StatusScope;
use aegis_store::{Fault, Row, Sql, Tx, Value};

use super::{instant, optional_instant, parsed};

/// A passport as stored, without its document.
#[derive(Debug, Clone)]
pub(crate) struct PassportRow {
    pub(crate) id: PassportId,
    pub(crate) agent: AgentId,
    pub(crate) operator: OperatorId,
    pub(crate) risk: String,
    pub(crate) document_digest: Digest,
    pub(crate) body_digest: Digest,
    pub(crate) key_id: String,
    pub(crate) lineage_seq: u64,
    pub(crate) lineage_hash: Digest,
    pub(crate) parent: Option<PassportId>,
    pub(crate) root: PassportId,
    pub(crate) list: u32,
    pub(crate) list_index: u32,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked: Option<PassportRevocation>,
    pub(crate) log_entry: LogEntryId,
}

/// How a passport ended.
#[derive(Debug, Clone)]
pub(crate) struct PassportRevocation {
    pub(crate) revocation: Revocation,
    pub(crate) reason_public: Option<String>,
    pub(crate) scope: StatusScope,
    pub(crate) sequence: u64,
    pub(crate) log_entry: LogEntryId,
}

/// What [`passport_row`] reads, in its order.
macro_rules! columns {
    () => {
        "SELECT id, agent_id, operator_id, risk_classification, document_digest, body_digest, key_id, lineage_seq, \
         lineage_hash, parent_id, root_id, list, list_index, issued_at, expires_at, issue_log_entry, revoked_at, \
         effective_from, reason_code, reason_public, scope, sequence, revoke_log_entry FROM passport "
    };
}

pub(crate) fn insert_passport(tx: &mut Tx<'_>, row: &PassportRow, document: &str) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO passport (id, agent_id, operator_id, risk_classification, document, document_digest, body_digest, \
         key_id, lineage_seq, lineage_hash, parent_id, root_id, list, list_index, issued_at, expires_at, status, \
         issue_log_entry) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'active', $17)",
    );
    let values: [Value; 17] = [
        row.id.to_string().into(),
        row.agent.to_string().into(),
        row.operator.as_str().into(),
        row.risk.as_str().into(),
        document.into(),
        row.document_digest.as_bytes().as_slice().into(),
        row.body_digest.to_string().into(),
        row.key_id.as_str().into(),
        Value::try_from(row.lineage_seq)?,
        row.lineage_hash.to_string().into(),
        row.parent.map(|id| id.to_string()).into(),
        row.root.to_string().into(),
        row.list.into(),
        row.list_index.into(),
        row.issued_at.as_micros().into(),
        row.expires_at.as_micros().into(),
        row.log_entry.to_string().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(crate) fn find_passport(tx: &mut Tx<'_>, id: PassportId) -> Result<Option<PassportRow>, Fault> {
    const FIND: Sql = Sql::new(concat!(columns!(), "WHERE id = $1"));
    tx.optional(FIND, &[id.to_string().into()], passport_row)
}

pub(crate) fn find_document(tx: &mut Tx<'_>, id: PassportId) -> Result<Option<String>, Fault> {
    const FIND: Sql = Sql::new("SELECT document FROM passport WHERE id = $1");
    tx.optional(FIND, &[id.to_string().into()], |row| row.get(0))
}

/// An agent's passports, newest first.
pub(crate) fn list_passports_of(tx: &mut Tx<'_>, agent: AgentId) -> Result<Vec<PassportRow>, Fault> {
    const LIST: Sql = Sql::new(concat!(columns!(), "WHERE agent_id = $1 ORDER BY id DESC"));
    tx.list(LIST, &[agent.to_string().into()], passport_row)
}

/// Passports that are neither revoked nor expired, of one agent.
pub(crate) fn count_live_of(tx: &mut Tx<'_>, agent: AgentId, now: Timestamp) -> Result<u32, Fault> {
    const COUNT: Sql = Sql::new(
        "SELECT COUNT(*) FROM passport WHERE agent_id = $1 AND revoked_at IS NULL AND expires_at > $2",
    );
    tx.one(COUNT, &[agent.to_string().into(), now.as_micros().into()], |row| row.get(0))
}

/// Passports that are neither revoked nor expired, below one root.
pub(crate) fn count_live_below(tx: &mut Tx<'_>, root: PassportId, now: Timestamp) -> Result<u32, Fault> {
    const COUNT: Sql = Sql::new(
        "SELECT COUNT(*) FROM passport WHERE root_id = $1 AND id <> $1 AND revoked_at IS NULL AND expires_at > $2",
    );
    tx.one(COUNT, &[root.to_string().into(), now.as_micros().into()], |row| row.get(0))
}

/// Every descendant of a passport that has not expired, revoked ones too: parents before children.
pub(crate) fn list_descendants(
    tx: &mut Tx<'_>,
    id: PassportId,
    now: Timestamp,
) -> Result<Vec<PassportRow>, Fault> {
    const LIST: Sql = Sql::new(concat!(
        "WITH RECURSIVE below (below_id, depth) AS (\
         SELECT child.id, 1 FROM passport child WHERE child.parent_id = $1 \
         UNION ALL \
         SELECT child.id, below.depth + 1 FROM passport child JOIN below ON child.parent_id = below.below_id) ",
        columns!(),
        "JOIN below ON below.below_id = id WHERE expires_at > $2 ORDER BY below.depth, id"
    ));
    tx.list(LIST, &[id.to_string().into(), now.as_micros().into()], passport_row)
}

/// Passports that one revocation touched last.
pub(crate) fn list_revoked_by(tx: &mut Tx<'_>, entry: LogEntryId) -> Result<Vec<PassportRow>, Fault> {
    const LIST: Sql = Sql::new(concat!(columns!(), "WHERE revoke_log_entry = $1 ORDER BY sequence"));
    tx.list(LIST, &[entry.to_string().into()], passport_row)
}

/// Passports signed by a key whose entries lie below `size` in the log, and those that do not.
pub(crate) fn count_signed_by(tx: &mut Tx<'_>, key_id: &str, size: u64) -> Result<(u64, u64), Fault> {
    const COUNT: Sql = Sql::new(
        "SELECT CAST(COALESCE(SUM(CASE WHEN e.log_index < $2 THEN 1 ELSE 0 END), 0) AS BIGINT), COUNT(*) \
         FROM passport p JOIN log_entry e ON e.id = p.issue_log_entry WHERE p.key_id = $1",
    );
    let (below, all): (u64, u64) =
        tx.one(COUNT, &[key_id.into(), Value::try_from(size)?], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((below, all.saturating_sub(below)))
}

pub(crate) fn update_passport_revoked(
    tx: &mut Tx<'_>,
    id: PassportId,
    revoked: &PassportRevocation,
) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE passport SET status = 'revoked', revoked_at = $2, effective_from = $3, reason_code = $4, \
         reason_public = $5, scope = $6, sequence = $7, revoke_log_entry = $8 WHERE id = $1",
    );
    let values: [Value; 8] = [
        id.to_string().into(),
        revoked.revocation.revoked_at.as_micros().into(),
        revoked.revocation.effective_from.as_micros().into(),
        revoked.revocation.reason_code.as_str().into(),
        revoked.reason_public.as_deref().into(),
        revoked.scope.as_str().into(),
        Value::try_from(revoked.sequence)?,
        revoked.log_entry.to_string().into(),
    ];
    tx.execute(UPDATE, &values).map(drop)
}

/// All passports in the order of their ids, for loading and full checks.
pub(crate) fn list_all_passports(
    tx: &mut Tx<'_>,
    after: Option<PassportId>,
    limit: u32,
) -> Result<Vec<PassportRow>, Fault> {
    const LIST: Sql =
        Sql::new(concat!(columns!(), "WHERE (CAST($1 AS TEXT) IS NULL OR id > $1) ORDER BY id LIMIT $2"));
    tx.list(LIST, &[after.map(|id| id.to_string()).into(), limit.into()], passport_row)
}

/// How many indexes of each status list are taken.
pub(crate) fn list_usage(tx: &mut Tx<'_>) -> Result<Vec<(u32, u32)>, Fault> {
    const LIST: Sql = Sql::new("SELECT list, COUNT(*) FROM passport GROUP BY list ORDER BY list");
    tx.list(LIST, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Counts one more passport below `root`, and gives how many were ever issued there.
pub(crate) fn count_issued_below(tx: &mut Tx<'_>, root: PassportId) -> Result<u32, Fault> {
    const UPDATE: Sql =
        Sql::new("UPDATE passport SET issued_below = issued_below + 1 WHERE id = $1 RETURNING issued_below");
    tx.one(UPDATE, &[root.to_string().into()], |row| row.get(0))
}

pub(crate) fn index_is_taken(tx: &mut Tx<'_>, list: u32, index: u32) -> Result<bool, Fault> {
    const FIND: Sql = Sql::new("SELECT COUNT(*) FROM passport WHERE list = $1 AND list_index = $2");
    let count: i64 = tx.one(FIND, &[list.into(), index.into()], |row| row.get(0))?;
    Ok(count > 0)
}

fn passport_row(row: &Row<'_>) -> Result<PassportRow, Fault> {
    let revoked = match optional_instant(row, 16)? {
        None => None,
        Some(revoked_at) => Some(revocation(row, revoked_at)?),
    };
    let id = |index: usize| parsed("an id of passport", &row.get::<String>(index)?, PassportId::parse);
    Ok(PassportRow {
        id: id(0)?,
        agent: parsed("passport.agent_id", &row.get::<String>(1)?, AgentId::parse)?,
        operator: parsed("passport.operator_id", &row.get::<String>(2)?, OperatorId::parse)?,
        risk: row.get(3)?,
        document_digest: Digest::from_bytes(row.get(4)?),
        body_digest: parsed("passport.body_digest", &row.get::<String>(5)?, Digest::parse)?,
        key_id: row.get(6)?,
        lineage_seq: row.get(7)?,
        lineage_hash: parsed("passport.lineage_hash", &row.get::<String>(8)?, Digest::parse)?,
        parent: match row.get::<Option<String>>(9)? {
            None => None,
            Some(text) => Some(parsed("passport.parent_id", &text, PassportId::parse)?),
        },
        root: id(10)?,
        list: row.get(11)?,
        list_index: row.get(12)?,
        issued_at: instant(row, 13)?,
        expires_at: instant(row, 14)?,
        log_entry: parsed("passport.issue_log_entry", &row.get::<String>(15)?, LogEntryId::parse)?,
        revoked,
    })
}

fn revocation(row: &Row<'_>, revoked_at: Timestamp) -> Result<PassportRevocation, Fault> {
    Ok(PassportRevocation {
        revocation: Revocation {
            effective_from: instant(row, 17)?,
            revoked_at,
            reason_code: parsed("passport.reason_code", &row.get::<String>(18)?, RevocationReason::parse)?,
        },
        reason_public: row.get(19)?,
        scope: parsed("passport.scope", &row.get::<String>(20)?, StatusScope::parse)?,
        sequence: row.get(21)?,
        log_entry: parsed("passport.revoke_log_entry", &row.get::<String>(22)?, LogEntryId::parse)?,
    })
}
