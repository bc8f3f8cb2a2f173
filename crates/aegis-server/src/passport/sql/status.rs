//! Statements on the sequence of status changes.

use aegis_core::id::AgentId;
use aegis_core::time::Timestamp;
use aegis_passport::facts::RevocationReason;
use aegis_passport::ids::PassportId;
use aegis_passport::lineage::StatusScope;
use aegis_store::{Fault, Row, Sql, Tx, Value};

use super::{instant, parsed};

/// The number of the newest status change; 0 before the first.
pub(crate) fn newest_sequence(tx: &mut Tx<'_>) -> Result<u64, Fault> {
    const NEWEST: Sql = Sql::new("SELECT sequence FROM status_event ORDER BY sequence DESC LIMIT 1");
    Ok(tx.optional(NEWEST, &[], |row| row.get(0))?.unwrap_or(0))
}

pub(crate) fn insert_status_event(
    tx: &mut Tx<'_>,
    sequence: u64,
    event: &str,
    passport: PassportId,
    at: Timestamp,
) -> Result<(), Fault> {
    const INSERT: Sql =
        Sql::new("INSERT INTO status_event (sequence, event, passport_id, at) VALUES ($1, $2, $3, $4)");
    let values: [Value; 4] =
        [Value::try_from(sequence)?, event.into(), passport.to_string().into(), at.as_micros().into()];
    tx.execute(INSERT, &values).map(drop)
}

/// One status change.
#[derive(Debug, Clone)]
pub(crate) struct StatusEventRow {
    pub(crate) sequence: u64,
    pub(crate) event: String,
    pub(crate) passport: PassportId,
    pub(crate) at: Timestamp,
}

/// Changes after number `since`, in order.
pub(crate) fn list_status_events(
    tx: &mut Tx<'_>,
    since: u64,
    limit: u32,
) -> Result<Vec<StatusEventRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT sequence, event, passport_id, at FROM status_event WHERE sequence > $1 ORDER BY sequence LIMIT $2",
    );
    tx.list(LIST, &[Value::try_from(since)?, limit.into()], |row| {
        Ok(StatusEventRow {
            sequence: row.get(0)?,
            event: row.get(1)?,
            passport: parsed("status_event.passport_id", &row.get::<String>(2)?, PassportId::parse)?,
            at: Timestamp::from_micros(row.get(3)?),
        })
    })
}

/// Ids of passports that are revoked and whose life ends after `ended_after`, by sequence.
pub(crate) fn list_revoked(
    tx: &mut Tx<'_>,
    ended_after: Timestamp,
    after_sequence: u64,
    limit: u32,
) -> Result<Vec<RevokedRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT agent_id, id, scope, revoked_at, effective_from, reason_code, reason_public, expires_at, sequence \
         FROM passport WHERE sequence > $1 AND status = 'revoked' AND expires_at > $2 ORDER BY sequence LIMIT $3",
    );
    let values: [Value; 3] = [Value::try_from(after_sequence)?, ended_after.as_micros().into(), limit.into()];
    tx.list(LIST, &values, revoked_row)
}

/// One revoked passport.
pub(crate) fn find_revoked(tx: &mut Tx<'_>, id: PassportId) -> Result<Option<RevokedRow>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT agent_id, id, scope, revoked_at, effective_from, reason_code, reason_public, expires_at, sequence \
         FROM passport WHERE id = $1 AND status = 'revoked'",
    );
    tx.optional(FIND, &[id.to_string().into()], revoked_row)
}

pub(crate) fn count_revoked(tx: &mut Tx<'_>, ended_after: Timestamp) -> Result<u64, Fault> {
    const COUNT: Sql = Sql::new("SELECT COUNT(*) FROM passport WHERE status = 'revoked' AND expires_at > $1");
    tx.one(COUNT, &[ended_after.as_micros().into()], |row| row.get(0))
}

/// A revoked passport as the public list shows it.
#[derive(Debug, Clone)]
pub(crate) struct RevokedRow {
    pub(crate) agent: AgentId,
    pub(crate) passport: PassportId,
    pub(crate) scope: StatusScope,
    pub(crate) revoked_at: Timestamp,
    pub(crate) effective_from: Timestamp,
    pub(crate) reason_code: RevocationReason,
    pub(crate) reason_public: Option<String>,
    pub(crate) expires_at: Timestamp,
    pub(crate) sequence: u64,
}

fn revoked_row(row: &Row<'_>) -> Result<RevokedRow, Fault> {
    Ok(RevokedRow {
        agent: parsed("passport.agent_id", &row.get::<String>(0)?, AgentId::parse)?,
        passport: parsed("passport.id", &row.get::<String>(1)?, PassportId::parse)?,
        scope: parsed("passport.scope", &row.get::<String>(2)?, StatusScope::parse)?,
        revoked_at: instant(row, 3)?,
        effective_from: instant(row, 4)?,
        reason_code: parsed("passport.reason_code", &row.get::<String>(5)?, RevocationReason::parse)?,
        reason_public: row.get(6)?,
        expires_at: instant(row, 7)?,
        sequence: row.get(8)?,
    })
}
