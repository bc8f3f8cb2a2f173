//! Checking a whole log: every entry, every tile, the root.
//!
//! [`LogCheck`] asks for the bundles and tiles of a tree in one fixed order, recomputes each tile from what
//! lies below it and stops at the first byte that differs. What it accepts is exactly the log of the root it
//! returns; comparing that root with a signed checkpoint is the last step. It holds one tile of each level
//! and nothing else.

use std::collections::VecDeque;

use aegis_core::crypto::digest::Digest;

use crate::checkpoint::Checkpoint;
use crate::edge::{RightEdge, TileWrite};
use crate::tile::{EntryBundle, Resource, TILE_WIDTH, Tile, entries};
use crate::tree::{HASH_BYTES, SIZE_MAX};

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A bundle ends inside the entry, or before it.
    #[error("{bundle} is broken at entry {index}")]
    Entry {
        /// The bundle.
        bundle: EntryBundle,
        /// Index of the entry in the log.
        index: u64,
    },
    /// A bundle has bytes after its last entry.
    #[error("{0} has more entries than the tree")]
    Surplus(EntryBundle),
    /// An entry and its leaf hash do not belong together: one of them was changed.
    #[error("entry {index} and its leaf hash in tile {tile} disagree")]
    Leaf {
        /// The tile of level 0.
        tile: Tile,
        /// Index of the entry in the log.
        index: u64,
    },
    /// A hash of a higher tile is not the root of the tile below it.
    #[error("tile {tile} disagrees with the tile below it at hash {position}")]
    Node {
        /// The higher tile.
        tile: Tile,
        /// Position of the hash within it.
        position: u16,
    },
    /// A tile has the wrong number of bytes.
    #[error("tile {tile} has {found} bytes")]
    Length {
        /// The tile.
        tile: Tile,
        /// Its number of bytes.
        found: usize,
    },
    /// Everything fits together, but not to the signed checkpoint.
    #[error("the tree has root {computed}, the checkpoint of size {size} another")]
    Root {
        /// Size of both.
        size: u64,
        /// The root of the entries.
        computed: Digest,
    },
    /// The tree size is beyond [`SIZE_MAX`], or more was fed than asked for.
    #[error("the tree size is out of range")]
    Size,
}

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckFailed<E> {
    /// The log could not be read.
    #[error("the log could not be read at {0}")]
    Source(Resource, #[source] E),
    /// The log is damaged.
    #[error("the log is damaged")]
    Damage(#[from] Damage),
}

/// A check under way: knows what to read next.
#[derive(Debug, Clone)]
pub struct LogCheck {
    size: u64,
    edge: RightEdge,
    /// Tiles that the entries read so far determine, in the order they are asked for.
    expected: VecDeque<(Tile, Vec<u8>)>,
}

impl LogCheck {
    /// Starts the check of a tree of `size` leaves.
    pub fn new(size: u64) -> LogCheck {
        LogCheck { size, edge: RightEdge::empty(), expected: VecDeque::new() }
    }

    /// What [`LogCheck::feed`] wants next; `None` once everything has been read.
    pub fn wants(&self) -> Option<Resource> {
        if let Some((tile, _)) = self.expected.front() {
            return Some(Resource::Tile(*tile));
        }
        let index = self.edge.size() / u64::from(TILE_WIDTH);
        let unread = self.edge.size() < self.size && self.size <= SIZE_MAX;
        if unread { EntryBundle::in_tree(index, self.size).map(Resource::Entries) } else { None }
    }

    /// Checks the bytes of what [`LogCheck::wants`] named; no wider tile is accepted in its place.
    ///
    /// # Errors
    /// [`Damage`] with the first place that is wrong. The check is then over.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        match self.wants() {
            Some(Resource::Tile(tile)) => {
                let computed = self.expected.pop_front().map(|(_, computed)| computed).unwrap_or_default();
                compare(tile, &computed, bytes)
            }
            Some(Resource::Entries(bundle)) => self.feed_entries(bundle, bytes),
            None => Err(Damage::Size),
        }
    }

    fn feed_entries(&mut self, bundle: EntryBundle, bytes: &[u8]) -> Result<(), Damage> {
        let mut entries = entries(bytes);
        for _ in 0..bundle.width() {
            let broken = Damage::Entry { bundle, index: self.edge.size() };
            let Some(Ok(entry)) = entries.next() else { return Err(broken) };
            self.edge.append(entry).map_err(|_| broken)?;
        }
        if entries.next().is_some() {
            return Err(Damage::Surplus(bundle));
        }
        let at_end = self.edge.size() == self.size;
        let writes = if at_end { self.edge.take_writes() } else { self.edge.take_finished() };
        self.expected.extend(writes.into_iter().filter_map(|TileWrite { resource, bytes }| match resource {
            Resource::Tile(tile) => Some((tile, bytes)),
            Resource::Entries(_) => None,
        }));
        Ok(())
    }

    /// Number of entries read so far.
    pub const fn checked(&self) -> u64 {
        self.edge.size()
    }

    /// The root of the entries, once everything has been read.
    ///
    /// # Errors
    /// [`Damage::Size`] if something is still wanted or the size is beyond [`SIZE_MAX`].
    pub fn finish(self) -> Result<Digest, Damage> {
        let complete = self.wants().is_none() && self.edge.size() == self.size;
        if complete { Ok(self.edge.root()) } else { Err(Damage::Size) }
    }

    /// Checks the whole log behind a checkpoint whose signature the caller has verified.
    ///
    /// # Errors
    /// [`CheckFailed::Source`] as `fetch` fails; [`CheckFailed::Damage`] with the first place that is wrong.
    pub fn run<E>(
        checkpoint: &Checkpoint,
        mut fetch: impl FnMut(Resource) -> Result<Vec<u8>, E>,
    ) -> Result<(), CheckFailed<E>> {
        let mut check = LogCheck::new(checkpoint.size);
        while let Some(resource) = check.wants() {
            let bytes = fetch(resource).map_err(|error| CheckFailed::Source(resource, error))?;
            check.feed(&bytes)?;
        }
        let computed = check.finish()?;
        if computed == checkpoint.root {
            return Ok(());
        }
        Err(Damage::Root { size: checkpoint.size, computed }.into())
    }
}

/// Names the first hash in which a stored tile differs from the computed one.
fn compare(tile: Tile, computed: &[u8], stored: &[u8]) -> Result<(), Damage> {
    if computed.len() != stored.len() {
        return Err(Damage::Length { tile, found: stored.len() });
    }
    if computed == stored {
        return Ok(());
    }
    let hashes = computed.chunks(HASH_BYTES).zip(stored.chunks(HASH_BYTES));
    let same = hashes.take_while(|(computed, stored)| computed == stored).count();
    let position = u16::try_from(same).unwrap_or(TILE_WIDTH);
    let index = tile.index().saturating_mul(u64::from(TILE_WIDTH)).saturating_add(u64::from(position));
    Err(if tile.level() == 0 { Damage::Leaf { tile, index } } else { Damage::Node { tile, position } })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::tile::{bundles_of, push_entry, tiles_of};

    type Store = BTreeMap<Resource, Vec<u8>>;

    fn log(size: u64) -> (Checkpoint, Store) {
        let mut edge = RightEdge::empty();
        for n in 0..size {
            edge.append(Digest::of(&[&n.to_be_bytes()]).as_bytes()).unwrap();
        }
        let store = edge.take_writes().into_iter().map(|write| (write.resource, write.bytes)).collect();
        (Checkpoint::new("log.example", size, edge.root()), store)
    }

    fn check(checkpoint: &Checkpoint, store: &Store) -> Result<(), CheckFailed<&'static str>> {
        LogCheck::run(checkpoint, |resource| store.get(&resource).cloned().ok_or("missing"))
    }

    fn tile(level: u8, index: u64, width: u16) -> Tile {
        Tile::new(level, index, width).unwrap()
    }

    /// Sound logs of all critical sizes pass, and each of their tiles and bundles was asked for.
    #[test]
    fn sound_logs_pass() {
        for size in [0, 1, 255, 256, 257, 700, 65_537] {
            let (checkpoint, store) = log(size);
            assert_eq!(check(&checkpoint, &store), Ok(()), "size {size}");
            let mut asked = 0;
            let counted = LogCheck::run(&checkpoint, |resource| {
                asked += 1;
                store.get(&resource).cloned().ok_or("missing")
            });
            assert_eq!((counted, asked), (Ok(()), tiles_of(size).count() + bundles_of(size).count()));
            for missing in store.keys().filter(|_| store.len() < 10) {
                let mut store = store.clone();
                store.remove(missing);
                assert_eq!(check(&checkpoint, &store), Err(CheckFailed::Source(*missing, "missing")));
            }
        }
    }

    /// Each kind of damage is named with its place.
    #[test]
    fn names_the_place() {
        let (checkpoint, store) = log(66_000);
        let damaged = |resource: Resource, damage: fn(&mut Vec<u8>)| {
            let mut store = store.clone();
            damage(store.get_mut(&resource).unwrap());
            check(&checkpoint, &store).unwrap_err()
        };
        let bundle = EntryBundle::new(3, 256).unwrap();
        assert_eq!(
            damaged(Resource::Entries(bundle), |bytes| bytes[34 * 5 + 2] ^= 1),
            Damage::Leaf { tile: tile(0, 3, 256), index: 773 }.into()
        );
        assert_eq!(
            damaged(Resource::Entries(bundle), |bytes| bytes.truncate(34 * 5 + 1)),
            Damage::Entry { bundle, index: 773 }.into()
        );
        assert_eq!(
            damaged(Resource::Entries(bundle), |bytes| push_entry(bytes, b"more").unwrap()),
            Damage::Surplus(bundle).into()
        );
        assert_eq!(
            damaged(Resource::Tile(tile(0, 257, 208)), |bytes| bytes[32 * 207 + 31] ^= 1),
            Damage::Leaf { tile: tile(0, 257, 208), index: 65_999 }.into()
        );
        assert_eq!(
            damaged(Resource::Tile(tile(1, 0, 256)), |bytes| bytes[32 * 9] ^= 1),
            Damage::Node { tile: tile(1, 0, 256), position: 9 }.into()
        );
        assert_eq!(
            damaged(Resource::Tile(tile(2, 0, 1)), |bytes| bytes.push(0)),
            Damage::Length { tile: tile(2, 0, 1), found: 33 }.into()
        );
        let other = Checkpoint { root: Digest::ZERO, ..checkpoint.clone() };
        assert_eq!(
            check(&other, &store),
            Err(Damage::Root { size: 66_000, computed: checkpoint.root }.into())
        );
    }

    /// Feeding too much, stopping too early and impossible sizes are refused.
    #[test]
    fn order_is_kept() {
        assert_eq!(LogCheck::new(0).feed(b""), Err(Damage::Size));
        assert_eq!(LogCheck::new(1).finish(), Err(Damage::Size));
        assert_eq!(LogCheck::new(u64::MAX).wants(), None);
        assert_eq!(LogCheck::new(u64::MAX).finish(), Err(Damage::Size));
        assert_eq!(LogCheck::new(0).finish(), Ok(crate::tree::empty_root()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Any one altered bit anywhere in the store is found.
        #[test]
        fn every_altered_bit_is_found(size in 1_u64..600, which: prop::sample::Index, at: prop::sample::Index, bit in 0_u8..8) {
            let (checkpoint, mut store) = log(size);
            let resource = *store.keys().nth(which.index(store.len())).unwrap();
            let bytes = store.get_mut(&resource).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(matches!(check(&checkpoint, &store), Err(CheckFailed::Damage(_))));
        }
    }
}
