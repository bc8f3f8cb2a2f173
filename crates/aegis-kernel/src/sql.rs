//! Statements of the kernel's small tables. One statement a function; no decisions.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::EventId;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};

use crate::outbox::{Event, StoredEvent};

pub(crate) fn newest_hit(tx: &mut Tx<'_>, bucket: &str) -> Result<Option<(i64, Timestamp)>, Fault> {
    const NEWEST: Sql = Sql::new("SELECT seq, at FROM rate_hit WHERE bucket = $1 ORDER BY seq DESC LIMIT 1");
    tx.optional(NEWEST, &[bucket.into()], |row| Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?))))
}

pub(crate) fn oldest_hit_after(
    tx: &mut Tx<'_>,
    bucket: &str,
    start: Timestamp,
) -> Result<Option<(i64, Timestamp)>, Fault> {
    const OLDEST: Sql =
        Sql::new("SELECT seq, at FROM rate_hit WHERE bucket = $1 AND at > $2 ORDER BY at, seq LIMIT 1");
    tx.optional(OLDEST, &[bucket.into(), start.as_micros().into()], |row| {
        Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?)))
    })
}

pub(crate) fn hit_at(tx: &mut Tx<'_>, bucket: &str, seq: i64) -> Result<Option<Timestamp>, Fault> {
    const AT: Sql = Sql::new("SELECT at FROM rate_hit WHERE bucket = $1 AND seq = $2");
    tx.optional(AT, &[bucket.into(), seq.into()], |row| row.get(0).map(Timestamp::from_micros))
}

pub(crate) fn insert_hit(tx: &mut Tx<'_>, bucket: &str, seq: i64, at: Timestamp) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new("INSERT INTO rate_hit (bucket, seq, at) VALUES ($1, $2, $3)");
    tx.execute(INSERT, &[bucket.into(), seq.into(), at.as_micros().into()]).map(drop)
}

pub(crate) fn delete_hits(tx: &mut Tx<'_>) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM rate_hit");
    tx.execute(DELETE, &[]).map(drop)
}

/// The newest hit of a bucket stays, because the next number is counted from it.
pub(crate) fn delete_hits_before(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new(
        "DELETE FROM rate_hit WHERE at < $1 AND seq < \
         (SELECT MAX(newest.seq) FROM rate_hit AS newest WHERE newest.bucket = rate_hit.bucket)",
    );
    tx.execute(DELETE, &[before.as_micros().into()])
}

pub(crate) struct StoredAnswer {
    pub(crate) operation: String,
    pub(crate) fingerprint: Digest,
    pub(crate) sealed: Vec<u8>,
    pub(crate) created_at: Timestamp,
}

pub(crate) fn find_answer(tx: &mut Tx<'_>, owner: &str, key: &str) -> Result<Option<StoredAnswer>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT operation, fingerprint, answer, created_at FROM idempotency WHERE owner = $1 AND idempotency_key = $2",
    );
    tx.optional(FIND, &[owner.into(), key.into()], |row| {
        Ok(StoredAnswer {
            operation: row.get(0)?,
            fingerprint: Digest::from_bytes(row.get(1)?),
            sealed: row.get(2)?,
            created_at: Timestamp::from_micros(row.get(3)?),
        })
    })
}

pub(crate) fn delete_answer(tx: &mut Tx<'_>, owner: &str, key: &str) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM idempotency WHERE owner = $1 AND idempotency_key = $2");
    tx.execute(DELETE, &[owner.into(), key.into()]).map(drop)
}

pub(crate) fn insert_answer(
    tx: &mut Tx<'_>,
    owner: &str,
    key: &str,
    answer: &StoredAnswer,
) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO idempotency (owner, idempotency_key, operation, fingerprint, answer, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let values: [Value; 6] = [
        owner.into(),
        key.into(),
        answer.operation.as_str().into(),
        answer.fingerprint.as_bytes().as_slice().into(),
        answer.sealed.clone().into(),
        answer.created_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(crate) fn delete_answers_before(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM idempotency WHERE created_at < $1");
    tx.execute(DELETE, &[before.as_micros().into()])
}

pub(crate) fn insert_event(tx: &mut Tx<'_>, id: EventId, at: Timestamp, event: &Event) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO outbox_event (id, type, organization_id, subject, at, payload) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let values: [Value; 6] = [
        id.to_string().into(),
        event.kind.into(),
        event.organization.as_deref().into(),
        event.subject.as_str().into(),
        at.as_micros().into(),
        event.payload.to_string().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(crate) fn list_waiting_events(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<StoredEvent>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, type, organization_id, subject, at, payload, position FROM outbox_event \
         WHERE relayed_at IS NULL ORDER BY id LIMIT $1",
    );
    tx.list(LIST, &[limit.into()], event_row)
}

pub(crate) fn newest_event_position(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    const NEWEST: Sql = Sql::new("SELECT COALESCE(MAX(position), 0) FROM outbox_event");
    tx.one(NEWEST, &[], |row| row.get(0))
}

pub(crate) fn update_event_relayed(
    tx: &mut Tx<'_>,
    id: EventId,
    position: i64,
    now: Timestamp,
) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE outbox_event SET position = $2, relayed_at = $3 WHERE id = $1");
    tx.execute(UPDATE, &[id.to_string().into(), position.into(), now.as_micros().into()]).map(drop)
}

pub(crate) fn find_event(tx: &mut Tx<'_>, id: EventId) -> Result<Option<StoredEvent>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, type, organization_id, subject, at, payload, position FROM outbox_event WHERE id = $1",
    );
    tx.optional(FIND, &[id.to_string().into()], event_row)
}

pub(crate) fn list_events_after(
    tx: &mut Tx<'_>,
    organization: &str,
    position: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, type, organization_id, subject, at, payload, position FROM outbox_event \
         WHERE organization_id = $1 AND position > $2 ORDER BY position LIMIT $3",
    );
    tx.list(LIST, &[organization.into(), position.into(), limit.into()], event_row)
}

pub(crate) fn delete_events_before(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM outbox_event WHERE at < $1 AND relayed_at IS NOT NULL");
    tx.execute(DELETE, &[before.as_micros().into()])
}

fn event_row(row: &Row<'_>) -> Result<StoredEvent, Fault> {
    let id: String = row.get(0)?;
    let damaged = || Fault::Damaged { cause: Cause::text("outbox_event.id is no id") };
    Ok(StoredEvent {
        id: EventId::parse(&id).ok_or_else(damaged)?,
        kind: row.get(1)?,
        organization: row.get(2)?,
        subject: row.get(3)?,
        at: Timestamp::from_micros(row.get(4)?),
        payload: row.get(5)?,
        position: row.get(6)?,
    })
}

pub(crate) fn find_setting(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, Fault> {
    const FIND: Sql = Sql::new("SELECT value FROM setting WHERE name = $1");
    tx.optional(FIND, &[name.into()], |row| row.get(0))
}

pub(crate) fn upsert_setting(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), Fault> {
    const UPSERT: Sql = Sql::new(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
    tx.execute(UPSERT, &[name.into(), value.into()]).map(drop)
}

pub(crate) fn find_lease(tx: &mut Tx<'_>, name: &str) -> Result<Option<(String, Timestamp)>, Fault> {
    const FIND: Sql = Sql::new("SELECT holder, until FROM lease WHERE name = $1");
    tx.optional(FIND, &[name.into()], |row| Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?))))
}

pub(crate) fn upsert_lease(tx: &mut Tx<'_>, name: &str, holder: &str, until: Timestamp) -> Result<(), Fault> {
    const UPSERT: Sql = Sql::new(
        "INSERT INTO lease (name, holder, until) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until",
    );
    tx.execute(UPSERT, &[name.into(), holder.into(), until.as_micros().into()]).map(drop)
}
