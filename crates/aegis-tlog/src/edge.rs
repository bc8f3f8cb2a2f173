//! The right edge of a tiled tree: all a sequencer needs in order to append.
//!
//! [`RightEdge`] holds the partial tile of each level and the partial bundle, takes entries in order, and
//! hands out the tiles to write. Complete tiles are never read again. One leaf or a hundred thousand at once
//! make the same tiles.

use aegis_core::crypto::digest::Digest;

use crate::tile::{
    EntryBundle, LEVEL_MAX, Resource, TILE_BYTES, TILE_WIDTH, Tile, full_tile_root, hashes, push_entry,
};
use crate::tree::{Frontier, SIZE_MAX, leaf_hash, perfect_root};

/// A tile or bundle and its full new content, to be stored under its level and index in place of a narrower
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileWrite {
    /// What is written, with its new width.
    pub resource: Resource,
    /// All its bytes.
    pub bytes: Vec<u8>,
}

/// Why the edge of a stored tree could not be taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EdgeUnreadable<E> {
    /// The storage failed.
    #[error("the storage did not give a tile of the right edge")]
    Source(#[source] E),
    /// A stored tile or bundle is shorter than the tree needs, or broken.
    #[error("the stored {0} is too short or broken")]
    Damaged(Resource),
    /// The size is beyond [`SIZE_MAX`].
    #[error("the tree size is out of range")]
    Size,
}

/// Why an entry was not appended. The edge is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAppended {
    /// Longer than [`ENTRY_BYTES_MAX`](crate::tile::ENTRY_BYTES_MAX).
    #[error("the entry is longer than 65535 bytes")]
    TooLong,
    /// The tree has [`SIZE_MAX`] leaves.
    #[error("the tree is full")]
    Full,
}

/// The partial tiles of a tree and the tiles that changed since they were last taken.
#[derive(Debug, Clone, Default)]
pub struct RightEdge {
    size: u64,
    /// Size at the last [`RightEdge::take_writes`]: levels whose hash count differs have changed.
    written: u64,
    bundle: Vec<u8>,
    /// Bytes of the right-most tile of each level, never full.
    levels: Vec<Vec<u8>>,
    finished: Vec<TileWrite>,
}

impl RightEdge {
    /// The edge of the empty tree.
    pub fn empty() -> RightEdge {
        RightEdge::default()
    }

    /// What [`RightEdge::load`] will ask for: the partial bundle and the partial tile of each level.
    pub fn needed(size: u64) -> impl Iterator<Item = Resource> {
        let last = size / u64::from(TILE_WIDTH);
        let bundle = EntryBundle::in_tree(last, size).map(Resource::Entries);
        let tiles = (0..=LEVEL_MAX).filter_map(move |level| edge_tile(level, size)).map(Resource::Tile);
        bundle.into_iter().chain(tiles)
    }

    /// Takes up the tree of `size` leaves from storage. `fetch` may answer with a wider tile than asked for.
    ///
    /// The caller compares [`RightEdge::root`] with the root it signed before it appends: this is where a
    /// damaged edge shows.
    ///
    /// # Errors
    /// [`EdgeUnreadable::Source`] as `fetch` fails, [`EdgeUnreadable::Damaged`] for too few or broken bytes,
    /// [`EdgeUnreadable::Size`] beyond [`SIZE_MAX`].
    pub fn load<E>(
        size: u64,
        mut fetch: impl FnMut(Resource) -> Result<Vec<u8>, E>,
    ) -> Result<RightEdge, EdgeUnreadable<E>> {
        if size > SIZE_MAX {
            return Err(EdgeUnreadable::Size);
        }
        let mut edge = RightEdge { size, written: size, ..RightEdge::default() };
        for resource in RightEdge::needed(size) {
            let stored = fetch(resource).map_err(EdgeUnreadable::Source)?;
            let bytes = resource.cut(&stored).ok_or(EdgeUnreadable::Damaged(resource))?.to_vec();
            match resource {
                Resource::Entries(_) => edge.bundle = bytes,
                Resource::Tile(tile) => {
                    edge.levels.resize_with(usize::from(tile.level()), Vec::new);
                    edge.levels.push(bytes);
                }
            }
        }
        Ok(edge)
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds one entry at the right end and returns its leaf hash; its index is the size before.
    ///
    /// # Errors
    /// [`NotAppended`] for an entry that is too long or a full tree; nothing changed.
    pub fn append(&mut self, entry: &[u8]) -> Result<Digest, NotAppended> {
        if self.size >= SIZE_MAX {
            return Err(NotAppended::Full);
        }
        push_entry(&mut self.bundle, entry).map_err(|_| NotAppended::TooLong)?;
        let leaf = leaf_hash(entry);
        self.push_hash(leaf);
        self.size += 1;
        Ok(leaf)
    }

    /// Puts `hash` into the tile of level 0 and, as tiles complete, their hashes into the levels above.
    fn push_hash(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for level in 0..=LEVEL_MAX {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::with_capacity(TILE_BYTES));
            }
            let Some(bytes) = self.levels.get_mut(place) else { return };
            bytes.extend_from_slice(hash.as_bytes());
            let Some(root) = full_tile_root(bytes) else { return };
            let bytes = std::mem::replace(bytes, Vec::with_capacity(TILE_BYTES));
            let index = self.size >> (8 * u32::from(level)) >> 8;
            if level == 0
                && let Some(bundle) = EntryBundle::new(index, TILE_WIDTH)
            {
                let entries = std::mem::take(&mut self.bundle);
                self.finished.push(TileWrite { resource: Resource::Entries(bundle), bytes: entries });
            }
            if let Some(tile) = Tile::new(level, index, TILE_WIDTH) {
                self.finished.push(TileWrite { resource: Resource::Tile(tile), bytes });
            }
            hash = root;
        }
    }

    /// Everything that changed since the last call: completed tiles and bundles, lowest index first, then
    /// the partial ones in their new width.
    ///
    /// Storing each under (kind, level, index), replacing what is there, keeps the store equal to the tree.
    pub fn take_writes(&mut self) -> Vec<TileWrite> {
        let mut writes = std::mem::take(&mut self.finished);
        if self.size != self.written && !self.bundle.is_empty() {
            let bundle = EntryBundle::in_tree(self.size / u64::from(TILE_WIDTH), self.size);
            writes.extend(
                bundle.map(|b| TileWrite { resource: Resource::Entries(b), bytes: self.bundle.clone() }),
            );
        }
        for (level, bytes) in (0..=LEVEL_MAX).zip(&self.levels) {
            let shift = 8 * u32::from(level);
            if self.size >> shift != self.written >> shift {
                let tile = edge_tile(level, self.size);
                writes.extend(
                    tile.map(|tile| TileWrite { resource: Resource::Tile(tile), bytes: bytes.clone() }),
                );
            }
        }
        self.written = self.size;
        writes
    }

    /// The completed tiles and bundles alone, for a reader that waits for the partial ones until the end.
    pub(crate) fn take_finished(&mut self) -> Vec<TileWrite> {
        std::mem::take(&mut self.finished)
    }

    /// The roots of the perfect subtrees of the tree, from the partial tiles.
    pub fn frontier(&self) -> Frontier {
        let mut peaks = Vec::new();
        for bytes in self.levels.iter().rev() {
            let hashes: Vec<Digest> = hashes(bytes).collect();
            let mut rest = hashes.as_slice();
            while let Some(height) = rest.len().checked_ilog2() {
                let Some((perfect, after)) = rest.split_at_checked(1 << height) else { break };
                peaks.extend(perfect_root(perfect));
                rest = after;
            }
        }
        Frontier::of(self.size, peaks)
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        self.frontier().root()
    }
}

/// The partial tile of `level`; `None` if the level ends with a full tile or has none.
fn edge_tile(level: u8, size: u64) -> Option<Tile> {
    Tile::in_tree(level, size >> (8 * u32::from(level)) >> 8, size)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::tile::{bundles_of, tiles_of};
    use crate::tree::naive_root;

    /// A database table keyed by kind, level and index.
    #[derive(Default, PartialEq, Debug)]
    struct Rows(BTreeMap<(Option<u8>, u64), Vec<u8>>);

    fn key(resource: Resource) -> (Option<u8>, u64) {
        match resource {
            Resource::Tile(tile) => (Some(tile.level()), tile.index()),
            Resource::Entries(bundle) => (None, bundle.index()),
        }
    }

    impl Rows {
        fn store(&mut self, writes: Vec<TileWrite>) {
            for write in writes {
                assert_eq!(write.resource.cut(&write.bytes), Some(&write.bytes[..]), "{}", write.resource);
                self.0.insert(key(write.resource), write.bytes);
            }
        }

        fn load(&self, size: u64) -> RightEdge {
            RightEdge::load(size, |resource| Ok::<_, Infallible>(self.0[&key(resource)].clone())).unwrap()
        }
    }

    fn entry(n: u64) -> Vec<u8> {
        n.to_be_bytes()[..usize::try_from(n % 9).unwrap()].to_vec()
    }

    /// Appends in batches, storing and reloading between them.
    fn grow(batches: impl IntoIterator<Item = u64>) -> (Rows, RightEdge) {
        let mut rows = Rows::default();
        let mut size = 0;
        for batch in batches {
            let mut edge = rows.load(size);
            for n in size..size + batch {
                assert_eq!(edge.append(&entry(n)).unwrap(), leaf_hash(&entry(n)));
            }
            rows.store(edge.take_writes());
            assert!(edge.take_writes().is_empty(), "nothing is written twice");
            size += batch;
        }
        let edge = rows.load(size);
        (rows, edge)
    }

    /// Around every boundary of one and two tile levels: the rows are exactly the tiles of that tree, and
    /// the root is the frontier's.
    #[test]
    fn boundaries() {
        for size in [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537] {
            let (rows, edge) = grow([size]);
            let mut frontier = Frontier::empty();
            (0..size).for_each(|n| frontier.append(leaf_hash(&entry(n))));
            assert_eq!(edge.frontier(), frontier, "size {size}");
            let expected: Vec<Resource> =
                bundles_of(size).map(Resource::Entries).chain(tiles_of(size).map(Resource::Tile)).collect();
            assert_eq!(rows.0.len(), expected.len(), "size {size}");
            for resource in expected {
                let bytes = &rows.0[&key(resource)];
                assert_eq!(resource.cut(bytes), Some(&bytes[..]), "{resource} of size {size}");
            }
        }
    }

    /// A leaf that completes two levels writes the bundle and both tiles and starts the third level.
    #[test]
    fn completion_reaches_upward() {
        let (_, mut edge) = grow([65_535]);
        edge.append(b"last").unwrap();
        let written: Vec<String> =
            edge.take_writes().iter().map(|write| write.resource.to_string()).collect();
        assert_eq!(written, ["entries/255", "0/255", "1/000", "2/000.p/1"]);
        edge.append(b"next").unwrap();
        let written: Vec<String> =
            edge.take_writes().iter().map(|write| write.resource.to_string()).collect();
        assert_eq!(written, ["entries/256.p/1", "0/256.p/1"]);
    }

    /// Damage in storage is named, and an entry that cannot be framed changes nothing.
    #[test]
    fn refusals() {
        let (rows, mut edge) = grow([300]);
        let short = RightEdge::load(300, |resource| {
            let mut bytes = rows.0[&key(resource)].clone();
            if key(resource) == (Some(0), 1) {
                bytes.pop();
            }
            Ok::<_, Infallible>(bytes)
        });
        assert_eq!(short.unwrap_err(), EdgeUnreadable::Damaged(Resource::Tile(Tile::new(0, 1, 44).unwrap())));
        assert_eq!(RightEdge::load(300, |_| Err("gone")).unwrap_err(), EdgeUnreadable::Source("gone"));
        assert_eq!(RightEdge::load(u64::MAX, |_| Err("gone")).unwrap_err(), EdgeUnreadable::Size);
        let root = edge.root();
        assert_eq!(edge.append(&vec![0; 65_536]), Err(NotAppended::TooLong));
        assert_eq!((edge.root(), edge.size(), edge.take_writes()), (root, 300, vec![]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However the leaves are split into batches, the stored rows and the root are the same.
        #[test]
        fn batches_do_not_matter(batches in prop::collection::vec(0_u64..400, 0..8)) {
            let size: u64 = batches.iter().sum();
            let (split, edge) = grow(batches);
            let (whole, _) = grow([size]);
            prop_assert_eq!(split, whole);
            let leaves: Vec<Digest> = (0..size).map(|n| leaf_hash(&entry(n))).collect();
            prop_assert_eq!(edge.root(), naive_root(&leaves));
        }
    }
}
