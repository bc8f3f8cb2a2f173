//! Reading the log: entries for those entitled, tiles and proofs for everybody.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::LogEntryId;
use aegis_core::page::{Page, Paged};
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Tx};
use aegis_tlog::leaf::{Commitment, Opening};
use aegis_tlog::node::Unreadable;
use aegis_tlog::note::SignedNote;
use aegis_tlog::proof::{ConsistencyProof, InclusionProof};
use aegis_tlog::tile::{Resource, Tile};
use aegis_tlog::tlogproof::TlogProof;

use super::sequence::place;
use super::sql::{self, EntryRow};
use crate::operation::Logged;

/// A checkpoint this log signed, or one it cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree.
    pub root: Digest,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub signed_at: Timestamp,
}

/// Which entries to list; absent members admit everything.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Entries this organization may read.
    pub reader: Option<String>,
    /// Entries of this operation.
    pub op: Option<String>,
    /// Entries about this object.
    pub subject: Option<String>,
    /// Entries that ended so.
    pub outcome: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

/// One entry as its entitled readers see it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Id, leaf hash and place.
    pub logged: Logged,
    /// When.
    pub at: Timestamp,
    /// What it commits to.
    pub commitment: Commitment,
    /// The organization that may read the details.
    pub reader: Option<String>,
    /// What opens the commitment, unless it was erased.
    pub opening: Option<Opening>,
}

/// Id, leaf hash and place of one entry.
///
/// # Errors
/// Faults of the store.
pub fn find_logged(tx: &mut Tx<'_>, id: LogEntryId) -> Result<Option<Logged>, Fault> {
    Ok(sql::find_entry(tx, id)?.map(|row| row.logged()))
}

/// One entry.
///
/// # Errors
/// Faults of the store.
pub fn find_entry(tx: &mut Tx<'_>, id: LogEntryId) -> Result<Option<Entry>, Fault> {
    sql::find_entry(tx, id)?.map(entry).transpose()
}

/// Entries, newest first.
///
/// # Errors
/// Faults of the store.
pub fn list_entries(tx: &mut Tx<'_>, filter: &EntryFilter, page: &Page) -> Result<Paged<Entry>, Fault> {
    let rows = sql::list_entries(tx, filter, page)?;
    let paged = page.cut(rows, |row| row.id.to_string());
    Ok(Paged { items: paged.items.into_iter().map(entry).collect::<Result<_, _>>()?, next: paged.next })
}

/// The place of the entry with this leaf hash, once it is integrated.
///
/// # Errors
/// Faults of the store.
pub fn find_index_of(tx: &mut Tx<'_>, leaf_hash: &Digest) -> Result<Option<u64>, Fault> {
    sql::find_index_of(tx, leaf_hash)
}

/// The hash of the leaf at `index`.
///
/// # Errors
/// Faults of the store.
pub fn find_leaf_hash(tx: &mut Tx<'_>, index: u64) -> Result<Option<Digest>, Fault> {
    sql::find_leaf_hash(tx, index)
}

/// How many entries wait for their place.
///
/// # Errors
/// Faults of the store.
pub fn count_waiting(tx: &mut Tx<'_>) -> Result<u64, Fault> {
    sql::count_waiting(tx)
}

/// The instant of the oldest entry that waits for its place.
///
/// # Errors
/// Faults of the store.
pub fn oldest_waiting_at(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Fault> {
    sql::oldest_waiting_at(tx)
}

/// The instant of the newest entry; the epoch for an empty log.
///
/// # Errors
/// Faults of the store.
pub fn newest_entry_at(tx: &mut Tx<'_>) -> Result<Timestamp, Fault> {
    Ok(sql::newest_entry_at(tx)?.unwrap_or(Timestamp::from_micros(0)))
}

/// The newest signed checkpoint.
///
/// # Errors
/// Faults of the store.
pub fn newest_checkpoint(tx: &mut Tx<'_>) -> Result<Option<SignedCheckpoint>, Fault> {
    sql::newest_checkpoint(tx)
}

/// The checkpoint of exactly `size` leaves, if one was signed.
///
/// # Errors
/// Faults of the store.
pub fn find_checkpoint(tx: &mut Tx<'_>, size: u64) -> Result<Option<SignedCheckpoint>, Fault> {
    sql::find_checkpoint(tx, size)
}

/// The first checkpoint that covers the entry at `index`: the evidence of its log time.
///
/// # Errors
/// Faults of the store.
pub fn first_checkpoint_over(tx: &mut Tx<'_>, index: u64) -> Result<Option<SignedCheckpoint>, Fault> {
    sql::first_checkpoint_over(tx, index)
}

/// The bytes of a tile or bundle, if it lies in the tree that was signed.
///
/// # Errors
/// Faults of the store.
pub fn find_resource(tx: &mut Tx<'_>, resource: &Resource) -> Result<Option<Vec<u8>>, Fault> {
    let size = sql::newest_checkpoint(tx)?.map_or(0, |checkpoint| checkpoint.size);
    if !resource.is_in_tree(size) {
        return Ok(None);
    }
    let (level, index) = place(resource);
    let stored = sql::find_tile(tx, level, index)?;
    Ok(stored.and_then(|bytes| resource.cut(&bytes).map(<[u8]>::to_vec)))
}

/// Proves that the entry at `index` is in the tree of `size` leaves.
///
/// # Errors
/// Faults of the store. `None` when the index lies beyond the size.
pub fn prove_inclusion(tx: &mut Tx<'_>, index: u64, size: u64) -> Result<Option<InclusionProof>, Fault> {
    settle(InclusionProof::make(index, size, |tile| hashes(tx, tile)))
}

/// Proves that the tree of `to` leaves extends the one of `from` leaves.
///
/// # Errors
/// Faults of the store. `None` when the sizes are not in order or beyond the tree.
pub fn prove_consistency(tx: &mut Tx<'_>, from: u64, to: u64) -> Result<Option<ConsistencyProof>, Fault> {
    settle(ConsistencyProof::make(from, to, |tile| hashes(tx, tile)))
}

/// The newest checkpoint that was signed before `instant`.
///
/// # Errors
/// Faults of the store.
pub fn newest_checkpoint_before(
    tx: &mut Tx<'_>,
    instant: Timestamp,
) -> Result<Option<SignedCheckpoint>, Fault> {
    sql::newest_checkpoint_before(tx, instant)
}

/// One entry's proof as a `c2sp.org/tlog-proof@v1` file; `opening` goes into its `extra`.
///
/// # Errors
/// [`Fault::Damaged`] when the stored checkpoint is no signed note.
pub fn write_proof(
    inclusion: InclusionProof,
    checkpoint: &SignedCheckpoint,
    opening: Option<&Opening>,
) -> Result<String, Fault> {
    let note = SignedNote::parse(checkpoint.note.as_bytes())
        .map_err(|_| Fault::Damaged { cause: Cause::text("a stored checkpoint is no signed note") })?;
    Ok(TlogProof::new(opening, inclusion, note).to_string())
}

/// The newest checkpoint of another log that this instance cosigned.
///
/// # Errors
/// Faults of the store.
pub fn find_witnessed(tx: &mut Tx<'_>, origin: &str) -> Result<Option<SignedCheckpoint>, Fault> {
    sql::find_witnessed(tx, origin)
}

fn hashes(tx: &mut Tx<'_>, tile: Tile) -> Result<Vec<u8>, Fault> {
    let (level, index) = place(&Resource::Tile(tile));
    sql::find_tile(tx, level, index)?.ok_or_else(|| Fault::Damaged {
        cause: Cause::text("a tile of the log is missing; run `aegis fsck`"),
    })
}

fn settle<T>(made: Result<T, Unreadable<Fault>>) -> Result<Option<T>, Fault> {
    match made {
        Ok(proof) => Ok(Some(proof)),
        Err(Unreadable::OutOfRange) => Ok(None),
        Err(Unreadable::Source(fault)) => Err(fault),
        Err(other @ Unreadable::Short(_)) => Err(Fault::Damaged { cause: Cause::text(other.to_string()) }),
    }
}

fn entry(row: EntryRow) -> Result<Entry, Fault> {
    let opening = match &row.opening {
        None => None,
        Some((salt, details)) => Some(open(&row, *salt, details)?),
    };
    Ok(Entry { logged: row.logged(), at: row.at, commitment: row.commitment, reader: row.reader, opening })
}

fn open(row: &EntryRow, salt: [u8; 32], details: &str) -> Result<Opening, Fault> {
    let damaged =
        || Fault::Damaged { cause: Cause::text("the details of a log entry are not those committed to") };
    let details: serde_json::Value = serde_json::from_str(details).map_err(|_| damaged())?;
    let opening = Opening::commit(row.commitment.statement.clone(), salt, &details).map_err(|_| damaged())?;
    if *opening.commitment() == row.commitment { Ok(opening) } else { Err(damaged()) }
}
