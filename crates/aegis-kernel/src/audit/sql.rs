//! Statements on log entries, tiles and checkpoints. One statement a function; no decisions.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::LogEntryId;
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};
use aegis_tlog::leaf::{Commitment, Statement};

use super::read::{EntryFilter, SignedCheckpoint};
use crate::operation::Logged;

/// One entry as stored.
#[derive(Debug, Clone)]
pub(crate) struct EntryRow {
    pub(crate) id: LogEntryId,
    pub(crate) index: Option<u64>,
    pub(crate) at: Timestamp,
    pub(crate) commitment: Commitment,
    pub(crate) reader: Option<String>,
    /// Salt and details; erased details leave `None`.
    pub(crate) opening: Option<([u8; 32], String)>,
}

impl EntryRow {
    pub(crate) fn logged(&self) -> Logged {
        Logged { entry: self.id, leaf_hash: self.commitment.leaf_hash(), index: self.index }
    }
}

pub(super) fn insert_entry(tx: &mut Tx<'_>, row: &EntryRow) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO log_entry (id, at, op, actor, subject, outcome, details_digest, commitment, leaf_hash, \
         organization_id, details, salt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    );
    let (salt, details) = row.opening.clone().unzip();
    let values: [Value; 12] = [
        row.id.to_string().into(),
        row.at.as_micros().into(),
        row.commitment.statement.op.as_str().into(),
        row.commitment.statement.actor.as_str().into(),
        row.commitment.statement.subject.as_str().into(),
        row.commitment.statement.outcome.as_str().into(),
        row.commitment.details_digest.to_string().into(),
        row.commitment.entry().as_bytes().as_slice().into(),
        row.commitment.leaf_hash().as_bytes().as_slice().into(),
        row.reader.as_deref().into(),
        details.into(),
        salt.map(|salt| salt.to_vec()).into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn find_entry(tx: &mut Tx<'_>, id: LogEntryId) -> Result<Option<EntryRow>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, log_index, at, op, actor, subject, outcome, details_digest, commitment, organization_id, details, \
         salt FROM log_entry WHERE id = $1",
    );
    tx.optional(FIND, &[id.to_string().into()], entry_row)
}

/// The place of the entry with this leaf hash.
pub(super) fn find_index_of(tx: &mut Tx<'_>, leaf_hash: &Digest) -> Result<Option<u64>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT log_index FROM log_entry WHERE leaf_hash = $1 AND log_index IS NOT NULL ORDER BY log_index LIMIT 1",
    );
    tx.optional(FIND, &[leaf_hash.as_bytes().as_slice().into()], |row| row.get(0))
}

pub(super) fn list_entries(
    tx: &mut Tx<'_>,
    filter: &EntryFilter,
    page: &Page,
) -> Result<Vec<EntryRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, log_index, at, op, actor, subject, outcome, details_digest, commitment, organization_id, details, \
         salt FROM log_entry \
         WHERE (CAST($1 AS TEXT) IS NULL OR organization_id = $1) AND (CAST($2 AS TEXT) IS NULL OR op = $2) \
         AND (CAST($3 AS TEXT) IS NULL OR subject = $3) AND (CAST($4 AS TEXT) IS NULL OR outcome = $4) \
         AND (CAST($5 AS BIGINT) IS NULL OR at >= $5) AND (CAST($6 AS BIGINT) IS NULL OR at < $6) \
         AND (CAST($7 AS TEXT) IS NULL OR id < $7) ORDER BY id DESC LIMIT $8",
    );
    let values: [Value; 8] = [
        filter.reader.as_deref().into(),
        filter.op.as_deref().into(),
        filter.subject.as_deref().into(),
        filter.outcome.as_deref().into(),
        filter.from.map(Timestamp::as_micros).into(),
        filter.to.map(Timestamp::as_micros).into(),
        page.after().into(),
        page.fetch_count().into(),
    ];
    tx.list(LIST, &values, entry_row)
}

/// Entries that wait for their place, oldest first: id and entry bytes.
pub(super) fn list_waiting(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<(LogEntryId, Digest)>, Fault> {
    const LIST: Sql =
        Sql::new("SELECT id, commitment FROM log_entry WHERE log_index IS NULL ORDER BY id LIMIT $1");
    tx.list(LIST, &[limit.into()], |row| {
        Ok((entry_id(&row.get::<String>(0)?)?, Digest::from_bytes(row.get(1)?)))
    })
}

pub(super) fn count_waiting(tx: &mut Tx<'_>) -> Result<u64, Fault> {
    const COUNT: Sql = Sql::new("SELECT COUNT(*) FROM log_entry WHERE log_index IS NULL");
    tx.one(COUNT, &[], |row| row.get(0))
}

pub(super) fn oldest_waiting_at(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Fault> {
    const OLDEST: Sql = Sql::new("SELECT at FROM log_entry WHERE log_index IS NULL ORDER BY id LIMIT 1");
    tx.optional(OLDEST, &[], |row| row.get(0).map(Timestamp::from_micros))
}

pub(super) fn update_index(tx: &mut Tx<'_>, id: LogEntryId, index: u64) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE log_entry SET log_index = $2 WHERE id = $1");
    tx.execute(UPDATE, &[id.to_string().into(), Value::try_from(index)?]).map(drop)
}

/// The instant of the newest entry, integrated or not.
pub(super) fn newest_entry_at(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Fault> {
    const NEWEST: Sql = Sql::new("SELECT at FROM log_entry ORDER BY id DESC LIMIT 1");
    tx.optional(NEWEST, &[], |row| row.get(0).map(Timestamp::from_micros))
}

/// The hash of the leaf at this place.
pub(super) fn find_leaf_hash(tx: &mut Tx<'_>, index: u64) -> Result<Option<Digest>, Fault> {
    const FIND: Sql = Sql::new("SELECT leaf_hash FROM log_entry WHERE log_index = $1");
    tx.optional(FIND, &[Value::try_from(index)?], |row| row.get(0).map(Digest::from_bytes))
}

pub(super) fn find_tile(tx: &mut Tx<'_>, level: i64, index: u64) -> Result<Option<Vec<u8>>, Fault> {
    const FIND: Sql = Sql::new("SELECT content FROM log_tile WHERE level = $1 AND tile_index = $2");
    tx.optional(FIND, &[level.into(), Value::try_from(index)?], |row| row.get(0))
}

pub(super) fn upsert_tile(tx: &mut Tx<'_>, level: i64, index: u64, content: Vec<u8>) -> Result<(), Fault> {
    const UPSERT: Sql = Sql::new(
        "INSERT INTO log_tile (level, tile_index, content) VALUES ($1, $2, $3) \
         ON CONFLICT (level, tile_index) DO UPDATE SET content = excluded.content",
    );
    tx.execute(UPSERT, &[level.into(), Value::try_from(index)?, content.into()]).map(drop)
}

pub(super) fn insert_checkpoint(tx: &mut Tx<'_>, row: &SignedCheckpoint) -> Result<(), Fault> {
    const INSERT: Sql =
        Sql::new("INSERT INTO log_checkpoint (size, root, note, signed_at) VALUES ($1, $2, $3, $4)");
    let values: [Value; 4] = [
        Value::try_from(row.size)?,
        row.root.as_bytes().as_slice().into(),
        row.note.as_str().into(),
        row.signed_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn newest_checkpoint(tx: &mut Tx<'_>) -> Result<Option<SignedCheckpoint>, Fault> {
    const NEWEST: Sql =
        Sql::new("SELECT size, root, note, signed_at FROM log_checkpoint ORDER BY size DESC LIMIT 1");
    tx.optional(NEWEST, &[], checkpoint_row)
}

pub(super) fn newest_checkpoint_before(
    tx: &mut Tx<'_>,
    instant: Timestamp,
) -> Result<Option<SignedCheckpoint>, Fault> {
    const NEWEST: Sql = Sql::new(
        "SELECT size, root, note, signed_at FROM log_checkpoint WHERE signed_at < $1 ORDER BY size DESC LIMIT 1",
    );
    tx.optional(NEWEST, &[instant.as_micros().into()], checkpoint_row)
}

/// The first checkpoint that covers the entry at `index`.
pub(super) fn first_checkpoint_over(tx: &mut Tx<'_>, index: u64) -> Result<Option<SignedCheckpoint>, Fault> {
    const FIRST: Sql = Sql::new(
        "SELECT size, root, note, signed_at FROM log_checkpoint WHERE size > $1 ORDER BY size LIMIT 1",
    );
    tx.optional(FIRST, &[Value::try_from(index)?], checkpoint_row)
}

/// The checkpoint of exactly this size.
pub(super) fn find_checkpoint(tx: &mut Tx<'_>, size: u64) -> Result<Option<SignedCheckpoint>, Fault> {
    const FIND: Sql = Sql::new("SELECT size, root, note, signed_at FROM log_checkpoint WHERE size = $1");
    tx.optional(FIND, &[Value::try_from(size)?], checkpoint_row)
}

/// The checkpoints of these sizes, both ends included, in order.
pub(super) fn list_checkpoints(tx: &mut Tx<'_>, from: u64, to: u64) -> Result<Vec<SignedCheckpoint>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT size, root, note, signed_at FROM log_checkpoint WHERE size >= $1 AND size <= $2 ORDER BY size",
    );
    tx.list(LIST, &[Value::try_from(from)?, Value::try_from(to)?], checkpoint_row)
}

/// Largest place that was given, and how many rows of tiles there are.
pub(super) fn extent(tx: &mut Tx<'_>) -> Result<(Option<u64>, u64), Fault> {
    const LAST: Sql = Sql::new("SELECT MAX(log_index) FROM log_entry");
    const TILES: Sql = Sql::new("SELECT COUNT(*) FROM log_tile");
    Ok((tx.one(LAST, &[], |row| row.get(0))?, tx.one(TILES, &[], |row| row.get(0))?))
}

/// Columns of an entry as they are, believed in nothing.
pub(super) struct RawEntry {
    pub(super) id: String,
    pub(super) index: Option<u64>,
    pub(super) statement: Statement,
    pub(super) details_digest: String,
    pub(super) commitment: Vec<u8>,
    pub(super) leaf_hash: Vec<u8>,
    pub(super) details: Option<String>,
    pub(super) salt: Option<Vec<u8>>,
}

/// Entries from one place on, in order.
pub(super) fn list_raw(tx: &mut Tx<'_>, from: u64, to: u64) -> Result<Vec<RawEntry>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, log_index, at, op, actor, subject, outcome, details_digest, commitment, leaf_hash, details, salt \
         FROM log_entry WHERE log_index >= $1 AND log_index < $2 ORDER BY log_index",
    );
    tx.list(LIST, &[Value::try_from(from)?, Value::try_from(to)?], raw_entry)
}

/// Entries that wait for their place, after an id, in order.
pub(super) fn list_raw_waiting(tx: &mut Tx<'_>, after: &str, limit: u32) -> Result<Vec<RawEntry>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, log_index, at, op, actor, subject, outcome, details_digest, commitment, leaf_hash, details, salt \
         FROM log_entry WHERE log_index IS NULL AND id > $1 ORDER BY id LIMIT $2",
    );
    tx.list(LIST, &[after.into(), limit.into()], raw_entry)
}

fn raw_entry(row: &Row<'_>) -> Result<RawEntry, Fault> {
    Ok(RawEntry {
        id: row.get(0)?,
        index: row.get(1)?,
        statement: Statement {
            at: Timestamp::from_micros(row.get(2)?).whole_second(),
            op: row.get(3)?,
            actor: row.get(4)?,
            subject: row.get(5)?,
            outcome: row.get(6)?,
        },
        details_digest: row.get(7)?,
        commitment: row.get(8)?,
        leaf_hash: row.get(9)?,
        details: row.get(10)?,
        salt: row.get(11)?,
    })
}

pub(super) fn find_witnessed(tx: &mut Tx<'_>, origin: &str) -> Result<Option<SignedCheckpoint>, Fault> {
    const FIND: Sql = Sql::new("SELECT size, root, note, 0 FROM witness_checkpoint WHERE origin = $1");
    tx.optional(FIND, &[origin.into()], checkpoint_row)
}

pub(super) fn upsert_witnessed(
    tx: &mut Tx<'_>,
    origin: &str,
    size: u64,
    root: &Digest,
    note: &str,
) -> Result<(), Fault> {
    const UPSERT: Sql = Sql::new(
        "INSERT INTO witness_checkpoint (origin, size, root, note) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
    );
    let values: [Value; 4] =
        [origin.into(), Value::try_from(size)?, root.as_bytes().as_slice().into(), note.into()];
    tx.execute(UPSERT, &values).map(drop)
}

fn checkpoint_row(row: &Row<'_>) -> Result<SignedCheckpoint, Fault> {
    Ok(SignedCheckpoint {
        size: row.get(0)?,
        root: Digest::from_bytes(row.get(1)?),
        note: row.get(2)?,
        signed_at: Timestamp::from_micros(row.get(3)?),
    })
}

fn entry_id(text: &str) -> Result<LogEntryId, Fault> {
    LogEntryId::parse(text).ok_or_else(|| damaged("log_entry.id is no id"))
}

fn damaged(what: &str) -> Fault {
    Fault::Damaged { cause: Cause::text(what) }
}

fn entry_row(row: &Row<'_>) -> Result<EntryRow, Fault> {
    let at = Timestamp::from_micros(row.get(2)?);
    let details: Option<String> = row.get(10)?;
    let salt: Option<[u8; 32]> = row.get(11)?;
    let digest: String = row.get(7)?;
    let commitment = Commitment {
        statement: Statement {
            at: at.whole_second(),
            op: row.get(3)?,
            actor: row.get(4)?,
            subject: row.get(5)?,
            outcome: row.get(6)?,
        },
        details_digest: Digest::parse(&digest)
            .ok_or_else(|| damaged("log_entry.details_digest is no digest"))?,
    };
    if row.get::<[u8; 32]>(8)? != *commitment.entry().as_bytes() {
        return Err(damaged("a log_entry row is not what its commitment says"));
    }
    Ok(EntryRow {
        id: entry_id(&row.get::<String>(0)?)?,
        index: row.get(1)?,
        at,
        commitment,
        reader: row.get(9)?,
        opening: salt.zip(details),
    })
}
