//! What can be read of the log.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::LogEntryId;
use aegis_core::page::{Page, Paged};
use aegis_core::time::Timestamp;
use aegis_kernel::audit::read::{self, Entry, EntryFilter, SignedCheckpoint};
use aegis_kernel::audit::witness;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Permission, Query, Refusal, Role, Stop};
use aegis_store::Tx;
use aegis_tlog::proof::{ConsistencyProof, InclusionProof};
use aegis_tlog::tile::Resource;

use super::READS;

/// Own entries for organizations whose key says so; all entries for the admin and for auditors.
const READERS: Permission = Permission::any_role("audit:read").or_admin().or_auditor();

/// Why the log does not show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogRefused {
    /// There is no such entry, tile or place, or none that the caller may see.
    #[error("the log has no such thing")]
    Unknown,
    /// The entry has no place in the tree yet, or the tree no checkpoint.
    #[error("not integrated yet")]
    NotYet,
    /// The sizes are in the wrong order.
    #[error("the sizes are in the wrong order")]
    Reversed,
}

impl Refusal for LogRefused {}

/// Entries the caller may read, newest first.
pub struct ListEntries {
    /// Which entries.
    pub filter: EntryFilter,
    /// Which part of the list.
    pub page: Page,
}

impl Access for ListEntries {
    const NAME: &'static str = "audit.list_entries";
    const PERMISSION: Permission = READERS;
    const RATE: RateClass = READS;
}

impl Query for ListEntries {
    type Reply = Paged<Entry>;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, caller: &Caller) -> Result<Paged<Entry>, Stop<LogRefused>> {
        let filter = EntryFilter { reader: reader(caller), ..self.filter.clone() };
        Ok(read::list_entries(tx, &filter, &self.page)?)
    }
}

/// The organization to whose entries the caller is limited, if to any.
fn reader(caller: &Caller) -> Option<String> {
    let organization = caller.organization()?;
    let all = organization.ids.contains_key(&Role::Auditor);
    if all { None } else { Some(organization.id.clone()) }
}

/// One entry the caller may read.
pub struct GetEntry(pub LogEntryId);

impl Access for GetEntry {
    const NAME: &'static str = "audit.get_entry";
    const PERMISSION: Permission = READERS;
    const RATE: RateClass = READS;
}

impl Query for GetEntry {
    type Reply = Entry;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, caller: &Caller) -> Result<Entry, Stop<LogRefused>> {
        Ok(find_own(tx, self.0, caller)??)
    }
}

type Own = Result<Entry, LogRefused>;

fn find_own(tx: &mut Tx<'_>, id: LogEntryId, caller: &Caller) -> Result<Own, aegis_store::Fault> {
    let reader = reader(caller);
    let entry = read::find_entry(tx, id)?.filter(|entry| reader.is_none() || entry.reader == reader);
    Ok(entry.ok_or(LogRefused::Unknown))
}

/// One entry's proof as a file.
pub struct ProveEntry(pub LogEntryId);

impl Access for ProveEntry {
    const NAME: &'static str = "audit.prove_entry";
    const PERMISSION: Permission = READERS;
    const RATE: RateClass = READS;
}

impl Query for ProveEntry {
    type Reply = String;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, caller: &Caller) -> Result<String, Stop<LogRefused>> {
        let entry = find_own(tx, self.0, caller)??;
        let index = entry.logged.index.ok_or(LogRefused::NotYet)?;
        let newest = read::newest_checkpoint(tx)?.ok_or(LogRefused::NotYet)?;
        let inclusion = read::prove_inclusion(tx, index, newest.size)?.ok_or(LogRefused::NotYet)?;
        Ok(read::write_proof(inclusion, &newest, entry.opening.as_ref())?)
    }
}

/// The newest checkpoint.
pub struct GetCheckpoint;

impl Access for GetCheckpoint {
    const NAME: &'static str = "audit.get_checkpoint";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for GetCheckpoint {
    type Reply = String;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<String, Stop<LogRefused>> {
        Ok(read::newest_checkpoint(tx)?.ok_or(LogRefused::NotYet)?.note)
    }
}

/// The bytes of a tile or of a bundle of entries.
pub struct GetTile(pub Resource);

impl Access for GetTile {
    const NAME: &'static str = "audit.get_tile";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for GetTile {
    type Reply = Vec<u8>;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<Vec<u8>, Stop<LogRefused>> {
        Ok(read::find_resource(tx, &self.0)?.ok_or(LogRefused::Unknown)?)
    }
}

/// How a leaf is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafName {
    /// By its place.
    Index(u64),
    /// By its hash.
    Hash(Digest),
}

/// That a leaf is in the tree.
pub struct ProveInclusion {
    /// Which leaf.
    pub leaf: LeafName,
    /// Size of the tree; `None`: that of the newest checkpoint.
    pub size: Option<u64>,
}

/// A leaf with its proof.
pub struct ProvenLeaf {
    /// Its hash.
    pub leaf_hash: Digest,
    /// The proof.
    pub inclusion: InclusionProof,
    /// The checkpoint of exactly the proof's size if one was signed, else the newest.
    pub checkpoint: SignedCheckpoint,
}

impl Access for ProveInclusion {
    const NAME: &'static str = "audit.prove_inclusion";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for ProveInclusion {
    type Reply = ProvenLeaf;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<ProvenLeaf, Stop<LogRefused>> {
        let newest = read::newest_checkpoint(tx)?.ok_or(LogRefused::Unknown)?;
        let size = self.size.unwrap_or(newest.size);
        let index = match self.leaf {
            LeafName::Index(index) => index,
            LeafName::Hash(hash) => read::find_index_of(tx, &hash)?.ok_or(LogRefused::Unknown)?,
        };
        // Beyond the signed tree nothing is promised, also where tiles already lie.
        if size > newest.size || index >= size {
            return Err(LogRefused::Unknown.into());
        }
        let leaf_hash = read::find_leaf_hash(tx, index)?.ok_or(LogRefused::Unknown)?;
        let inclusion = read::prove_inclusion(tx, index, size)?.ok_or(LogRefused::Unknown)?;
        let exact = if size == newest.size { None } else { read::find_checkpoint(tx, size)? };
        Ok(ProvenLeaf { leaf_hash, inclusion, checkpoint: exact.unwrap_or(newest) })
    }
}

/// That one tree extends another.
pub struct ProveConsistency {
    /// Size of the earlier tree.
    pub from: u64,
    /// Size of the later tree.
    pub to: u64,
}

impl Access for ProveConsistency {
    const NAME: &'static str = "audit.prove_consistency";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for ProveConsistency {
    type Reply = ConsistencyProof;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<ConsistencyProof, Stop<LogRefused>> {
        if self.from > self.to {
            return Err(LogRefused::Reversed.into());
        }
        let size = read::newest_checkpoint(tx)?.map_or(0, |checkpoint| checkpoint.size);
        if self.to > size {
            return Err(LogRefused::Unknown.into());
        }
        Ok(read::prove_consistency(tx, self.from, self.to)?.ok_or(LogRefused::Unknown)?)
    }
}

/// The newest checkpoint of another log that this instance cosigned.
pub struct GetCosigned(pub String);

impl Access for GetCosigned {
    const NAME: &'static str = "audit.get_cosigned";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for GetCosigned {
    type Reply = String;
    type Refused = LogRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<String, Stop<LogRefused>> {
        Ok(witness::find_cosigned(tx, &self.0)?.ok_or(LogRefused::Unknown)?)
    }
}
