//! Recomputing everything the log stores: entries from their columns, tiles from entries, roots from tiles,
//! and the signature on every checkpoint ever signed.
//!
//! It reads in many short transactions, so it may run beside a server that goes on writing; what is checked
//! is the tree of the checkpoint that was newest at the start. It stops at the first thing that is wrong.
//! Slices that keep chains of their own check them in the same manner and report beside this.

use aegis_core::crypto::digest::Digest;
use aegis_core::{canonical, json};
use aegis_store::{Cause, Fault, Store};
use aegis_tlog::checkpoint::Checkpoint;
use aegis_tlog::leaf::{Commitment, details_digest};
use aegis_tlog::note::{SignatureType, VerifierKey};
use aegis_tlog::tile::{TILE_WIDTH, bundles_of, tiles_of};
use aegis_tlog::tree::{Frontier, leaf_hash};
use aegis_tlog::verify::{Damage, LogCheck};

use super::LOG_KEY_PURPOSE;
use super::read::SignedCheckpoint;
use super::sequence::place;
use super::sql::{self, RawEntry};
use crate::keyring::{KeyState, Keyring};

/// Entries read in one transaction.
const BATCH: u64 = 1_024;
/// Levels of nesting that details may have; the log refuses to commit to more.
const DETAILS_DEPTH_MAX: usize = aegis_core::limits::JSON_DEPTH_MAX;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Integrated entries that were recomputed.
    pub entries: u64,
    /// Tiles and bundles that were recomputed.
    pub tiles: u64,
    /// Checkpoints whose root and signature were recomputed.
    pub checkpoints: u64,
    /// Entries that wait for their place; recomputed as well.
    pub waiting: u64,
    /// The first thing that is wrong; the counts then end there.
    pub first_problem: Option<FsckProblem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsckProblem {
    /// The damaged entry, tile or checkpoint.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl FsckProblem {
    /// Names a problem.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> FsckProblem {
        FsckProblem { place: place.into(), what: what.into() }
    }
}

/// Ends a check: with a problem, or because it could not read.
enum Ended {
    Problem(FsckProblem),
    Fault(Fault),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Ended {
        Ended::Fault(fault)
    }
}

impl From<FsckProblem> for Ended {
    fn from(problem: FsckProblem) -> Ended {
        Ended::Problem(problem)
    }
}

/// Checks the log called `origin`. `progress` is told how much of how much is done.
///
/// # Errors
/// Faults of the store: the check could not be made. What is wrong with the log is in the report.
pub async fn check(
    store: &Store,
    origin: &str,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<FsckReport, Fault> {
    let mut run = Run { store, keys: Vec::new(), report: FsckReport::default(), done: 0, total: 0, progress };
    match run.all(origin).await {
        Ok(()) => {}
        Err(Ended::Problem(problem)) => run.report.first_problem = Some(problem),
        Err(Ended::Fault(fault)) => return Err(fault),
    }
    Ok(run.report)
}

struct Run<'s, P> {
    store: &'s Store,
    keys: Vec<VerifierKey>,
    report: FsckReport,
    done: u64,
    total: u64,
    progress: P,
}

impl<P: FnMut(u64, u64) + Send> Run<'_, P> {
    async fn all(&mut self, origin: &str) -> Result<(), Ended> {
        let name = origin.to_owned();
        let (newest, last, stored_tiles, keys) = self
            .store
            .read(move |tx| {
                let (last, tiles) = sql::extent(tx)?;
                Ok((sql::newest_checkpoint(tx)?, last, tiles, log_keys(&name, Keyring::list(tx)?)?))
            })
            .await?;
        self.keys = keys;
        let size = newest.as_ref().map_or(0, |checkpoint| checkpoint.size);
        let tiles = (tiles_of(size).count() + bundles_of(size).count()) as u64;
        self.total = size.saturating_add(tiles);
        if let Some(newest) = &newest {
            self.check_signature(newest)?;
        }
        if let Some(last) = last.filter(|last| *last >= size) {
            let what = format!("has a place beyond the signed tree of {size} entries");
            return Err(FsckProblem::new(format!("entry {last}"), what).into());
        }
        if stored_tiles != tiles {
            let what = format!("{stored_tiles} are stored, a tree of {size} entries has {tiles}");
            return Err(FsckProblem::new("tiles", what).into());
        }
        self.check_tiles(newest.as_ref()).await?;
        self.check_entries(size).await?;
        self.check_waiting().await
    }

    fn advance(&mut self, by: u64) {
        self.done = self.done.saturating_add(by);
        (self.progress)(self.done, self.total);
    }

    /// Columns and note say the same, and the note is signed by a key of this log.
    fn check_signature(&self, row: &SignedCheckpoint) -> Result<(), FsckProblem> {
        let problem = |what: &str| FsckProblem::new(format!("checkpoint of size {}", row.size), what);
        let opened = self.keys.iter().find_map(|key| Checkpoint::open(row.note.as_bytes(), key).ok());
        let opened = opened.ok_or_else(|| problem("is not signed by a key of this log"))?;
        if opened.size == row.size && opened.root == row.root {
            Ok(())
        } else {
            Err(problem("differs from the note that was signed"))
        }
    }

    /// Every bundle and tile, recomputed from the bundles up to the signed root.
    async fn check_tiles(&mut self, newest: Option<&SignedCheckpoint>) -> Result<(), Ended> {
        let Some(newest) = newest else { return Ok(()) };
        let mut check = LogCheck::new(newest.size);
        while let Some(resource) = check.wants() {
            let (level, index) = place(&resource);
            let stored = self.store.read(move |tx| sql::find_tile(tx, level, index)).await?;
            let missing = || FsckProblem::new(format!("tile {resource}"), "is missing or too short");
            let bytes = stored.as_deref().and_then(|bytes| resource.cut(bytes)).ok_or_else(missing)?;
            check.feed(bytes).map_err(|damage| damaged(&damage))?;
            self.report.tiles = self.report.tiles.saturating_add(1);
            self.advance(1);
        }
        let computed = check.finish().map_err(|damage| damaged(&damage))?;
        if computed == newest.root {
            return Ok(());
        }
        Err(damaged(&Damage::Root { size: newest.size, computed }).into())
    }

    /// Every integrated entry from its columns, and every checkpoint from the entries before it.
    async fn check_entries(&mut self, size: u64) -> Result<(), Ended> {
        let mut tree = Frontier::empty();
        let mut from = 0_u64;
        loop {
            let to = from.saturating_add(BATCH).min(size);
            let (entries, checkpoints, bundles) = self
                .store
                .read(move |tx| {
                    let mut bundles = Vec::new();
                    for bundle in from / u64::from(TILE_WIDTH)..to.div_ceil(u64::from(TILE_WIDTH)) {
                        bundles.extend(sql::find_tile(tx, -1, bundle)?.unwrap_or_default());
                    }
                    Ok((sql::list_raw(tx, from, to)?, sql::list_checkpoints(tx, from, to)?, bundles))
                })
                .await?;
            let mut checkpoints = checkpoints.iter().filter(|checkpoint| from == 0 || checkpoint.size > from);
            let mut next = checkpoints.next();
            let mut in_tree = aegis_tlog::tile::entries(&bundles);
            if let Some(empty) = next.filter(|checkpoint| checkpoint.size == 0) {
                self.check_checkpoint(empty, &tree)?;
                next = checkpoints.next();
            }
            for index in from..to {
                let entry = entries.get(usize::try_from(index - from).unwrap_or(usize::MAX));
                let entry = entry.filter(|entry| entry.index == Some(index));
                let missing = || FsckProblem::new(format!("entry {index}"), "is missing");
                let entry = entry.ok_or_else(missing)?;
                check_entry(entry)?;
                if !matches!(in_tree.next(), Some(Ok(bytes)) if bytes == entry.commitment) {
                    return Err(problem_of(entry, "is not the one in the signed tree").into());
                }
                tree.append(leaf_hash(&entry.commitment));
                if let Some(signed) = next.filter(|checkpoint| checkpoint.size == tree.size()) {
                    self.check_checkpoint(signed, &tree)?;
                    next = checkpoints.next();
                }
            }
            self.report.entries = to;
            self.advance(to - from);
            from = to;
            if from >= size {
                return Ok(());
            }
        }
    }

    fn check_checkpoint(&mut self, signed: &SignedCheckpoint, tree: &Frontier) -> Result<(), FsckProblem> {
        self.check_signature(signed)?;
        if tree.root() != signed.root {
            let what = "is signed, but is not the root of the entries before it";
            return Err(FsckProblem::new(format!("checkpoint of size {}", signed.size), what));
        }
        self.report.checkpoints = self.report.checkpoints.saturating_add(1);
        Ok(())
    }

    async fn check_waiting(&mut self) -> Result<(), Ended> {
        let mut after = String::new();
        loop {
            let (from, limit) = (after.clone(), u32::try_from(BATCH).unwrap_or(u32::MAX));
            let entries = self.store.read(move |tx| sql::list_raw_waiting(tx, &from, limit)).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            after.clone_from(&last.id);
            for entry in &entries {
                check_entry(entry)?;
                self.report.waiting = self.report.waiting.saturating_add(1);
            }
        }
    }
}

/// The keys that ever signed checkpoints of this log.
fn log_keys(origin: &str, keys: Vec<crate::keyring::KeyRow>) -> Result<Vec<VerifierKey>, Fault> {
    let signed = keys.into_iter().filter(|key| key.purpose == LOG_KEY_PURPOSE && key.state != KeyState::Next);
    signed
        .map(|key| {
            VerifierKey::new(origin, SignatureType::Ed25519, key.public)
                .map_err(|error| Fault::Internal { what: "name the log", cause: Cause::new(error) })
        })
        .collect()
}

/// Commitment, leaf hash and details are what the columns say.
fn check_entry(entry: &RawEntry) -> Result<(), FsckProblem> {
    let digest = Digest::parse(&entry.details_digest)
        .ok_or_else(|| problem_of(entry, "has an unreadable digest of its details"))?;
    let commitment = Commitment { statement: entry.statement.clone(), details_digest: digest };
    if entry.commitment != commitment.entry().as_bytes() {
        return Err(problem_of(entry, "does not say what was committed to"));
    }
    if entry.leaf_hash != commitment.leaf_hash().as_bytes() {
        return Err(problem_of(entry, "has another leaf hash than its commitment"));
    }
    match (&entry.salt, &entry.details) {
        (None, None) => Ok(()),
        (Some(salt), Some(details)) => {
            let opened = opened_digest(salt, details);
            let other = || problem_of(entry, "has other details than were committed to");
            if opened == Some(digest) { Ok(()) } else { Err(other()) }
        }
        (Some(_), None) | (None, Some(_)) => {
            Err(problem_of(entry, "has details without salt or the reverse"))
        }
    }
}

fn opened_digest(salt: &[u8], details: &str) -> Option<Digest> {
    let salt: &[u8; 32] = salt.try_into().ok()?;
    let details = json::parse(details.as_bytes(), DETAILS_DEPTH_MAX).ok()?;
    Some(details_digest(salt, &canonical::to_bytes(&details).ok()?))
}

fn problem_of(entry: &RawEntry, what: &str) -> FsckProblem {
    let place = match entry.index {
        Some(index) => format!("entry {index} ({})", entry.id),
        None => format!("waiting entry {}", entry.id),
    };
    FsckProblem::new(place, what)
}

fn damaged(damage: &Damage) -> FsckProblem {
    let place = match damage {
        Damage::Entry { bundle, .. } | Damage::Surplus(bundle) => format!("tile {bundle}"),
        Damage::Leaf { tile, .. } | Damage::Node { tile, .. } | Damage::Length { tile, .. } => {
            format!("tile {tile}")
        }
        Damage::Root { size, .. } => format!("checkpoint of size {size}"),
        Damage::Size => "tree".to_owned(),
    };
    FsckProblem::new(place, damage.to_string())
}
