//! Inclusion and consistency proofs: made from tiles, checked from nothing but hashes.
//!
//! Making a proof reads each tile it needs once: for any tree at most one tile for each tile level and end
//! of the proof. The checks are those of RFC 9162 §2.1.3.2 and §2.1.4.2 and trust nothing in the proof.

use aegis_core::crypto::digest::Digest;

use crate::node::{NodeReader, TileContent, Unreadable};
use crate::tile::Tile;
use crate::tree::{SIZE_MAX, node_hash};

/// The proof does not lead to the given root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    /// Index or sizes contradict each other.
    #[error("index or size out of range")]
    OutOfRange,
    /// More or fewer hashes than index and sizes ask for.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// That a leaf has `index` in the tree of `size` leaves (RFC 9162 §2.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Index of the leaf.
    pub index: u64,
    /// Size of the tree.
    pub size: u64,
    /// From the leaf's sibling up to the root's child.
    pub hashes: Vec<Digest>,
}

impl InclusionProof {
    /// Makes the proof from the tiles of a tree of `size` leaves.
    ///
    /// `fetch` gets each coordinate at most once, in the width of that tree; it may answer with a wider
    /// tile. Answering with [`TileNodes`](crate::node::TileNodes) for full tiles saves the hashing.
    ///
    /// # Errors
    /// [`Unreadable::OutOfRange`] unless `index < size ≤ SIZE_MAX`; otherwise as `fetch` fails or gives too
    /// few hashes.
    pub fn make<E, T: TileContent>(
        index: u64,
        size: u64,
        fetch: impl FnMut(Tile) -> Result<T, E>,
    ) -> Result<InclusionProof, Unreadable<E>> {
        if index >= size || size > SIZE_MAX {
            return Err(Unreadable::OutOfRange);
        }
        let mut nodes = NodeReader::new(size, fetch);
        let mut hashes = Vec::new();
        let (mut from, mut to) = (0, size);
        while let Some(middle) = split(from, to) {
            if index < middle {
                hashes.push(nodes.range(middle, to)?);
                to = middle;
            } else {
                hashes.push(nodes.range(from, middle)?);
                from = middle;
            }
        }
        hashes.reverse();
        Ok(InclusionProof { index, size, hashes })
    }

    /// The root this proof gives to `leaf` (RFC 9162 §2.1.3.2).
    ///
    /// # Errors
    /// [`ProofRefused::OutOfRange`] unless `index < size ≤ SIZE_MAX`; [`ProofRefused::Length`] for a wrong
    /// number of hashes.
    pub fn root(&self, leaf: &Digest) -> Result<Digest, ProofRefused> {
        if self.index >= self.size || self.size > SIZE_MAX {
            return Err(ProofRefused::OutOfRange);
        }
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut root = *leaf;
        for hash in &self.hashes {
            if last == 0 {
                return Err(ProofRefused::Length);
            }
            if node & 1 == 1 || node == last {
                root = node_hash(hash, &root);
                // Levels at which this node is the last one and has no sibling.
                let skipped = node.trailing_zeros();
                node = node.checked_shr(skipped).unwrap_or(0);
                last = last.checked_shr(skipped).unwrap_or(0);
            } else {
                root = node_hash(&root, hash);
            }
            node >>= 1;
            last >>= 1;
        }
        if last == 0 { Ok(root) } else { Err(ProofRefused::Length) }
    }

    /// Checks that the tree with `root` has `leaf` at this index.
    ///
    /// # Errors
    /// As [`InclusionProof::root`], and [`ProofRefused::Root`] if the hashes lead elsewhere.
    pub fn verify(&self, leaf: &Digest, root: &Digest) -> Result<(), ProofRefused> {
        if self.root(leaf)? == *root { Ok(()) } else { Err(ProofRefused::Root) }
    }
}

/// That the tree of `from` leaves is a prefix of the tree of `to` leaves (RFC 9162 §2.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Size of the earlier tree.
    pub from: u64,
    /// Size of the later tree.
    pub to: u64,
    /// The nodes both trees are rebuilt from; empty if `from` is 0 or equals `to`.
    pub hashes: Vec<Digest>,
}

impl ConsistencyProof {
    /// Makes the proof from the tiles of a tree of `to` leaves; `fetch` as in [`InclusionProof::make`].
    ///
    /// # Errors
    /// [`Unreadable::OutOfRange`] unless `from ≤ to ≤ SIZE_MAX`; otherwise as `fetch` fails or gives too few
    /// hashes.
    pub fn make<E, T: TileContent>(
        from: u64,
        to: u64,
        fetch: impl FnMut(Tile) -> Result<T, E>,
    ) -> Result<ConsistencyProof, Unreadable<E>> {
        if from > to || to > SIZE_MAX {
            return Err(Unreadable::OutOfRange);
        }
        let mut hashes = Vec::new();
        if from == 0 || from == to {
            return Ok(ConsistencyProof { from, to, hashes });
        }
        let mut nodes = NodeReader::new(to, fetch);
        // Descends to the end of the earlier tree; `start..end` is the subtree that contains it.
        let (mut start, mut end) = (0, to);
        while end != from {
            let Some(middle) = split(start, end) else { break };
            if from <= middle {
                hashes.push(nodes.range(middle, end)?);
                end = middle;
            } else {
                hashes.push(nodes.range(start, middle)?);
                start = middle;
            }
        }
        // The whole earlier tree is known to the reader as its root; a part of it is not.
        if start != 0 {
            hashes.push(nodes.range(start, end)?);
        }
        hashes.reverse();
        Ok(ConsistencyProof { from, to, hashes })
    }

    /// Checks that the tree with `to_root` starts with the tree with `from_root` (RFC 9162 §2.1.4.2).
    ///
    /// Nothing is asked of `from_root` when `from` is 0: every tree starts with the empty one.
    ///
    /// # Errors
    /// [`ProofRefused::OutOfRange`] unless `from ≤ to ≤ SIZE_MAX`; [`ProofRefused::Length`] for a wrong number
    /// of hashes; [`ProofRefused::Root`] if they lead to another root of either tree.
    pub fn verify(&self, from_root: &Digest, to_root: &Digest) -> Result<(), ProofRefused> {
        if self.from > self.to || self.to > SIZE_MAX {
            return Err(ProofRefused::OutOfRange);
        }
        if self.from == 0 || self.from == self.to {
            let same = self.from == 0 || from_root == to_root;
            return match (self.hashes.is_empty(), same) {
                (false, _) => Err(ProofRefused::Length),
                (true, false) => Err(ProofRefused::Root),
                (true, true) => Ok(()),
            };
        }
        let (earlier, later) = self.roots(from_root)?;
        if earlier == *from_root && later == *to_root { Ok(()) } else { Err(ProofRefused::Root) }
    }

    /// The two roots the hashes lead to, for 0 < from < to.
    fn roots(&self, from_root: &Digest) -> Result<(Digest, Digest), ProofRefused> {
        let mut hashes = self.hashes.iter();
        let seed = if self.from.is_power_of_two() {
            from_root
        } else {
            hashes.next().ok_or(ProofRefused::Length)?
        };
        let (mut node, mut last) = (self.from - 1, self.to - 1);
        let skipped = node.trailing_ones();
        node >>= skipped;
        last >>= skipped;
        let (mut earlier, mut later) = (*seed, *seed);
        for hash in hashes {
            if last == 0 {
                return Err(ProofRefused::Length);
            }
            if node & 1 == 1 || node == last {
                earlier = node_hash(hash, &earlier);
                later = node_hash(hash, &later);
                let skipped = node.trailing_zeros();
                node = node.checked_shr(skipped).unwrap_or(0);
                last = last.checked_shr(skipped).unwrap_or(0);
            } else {
                later = node_hash(&later, hash);
            }
            node >>= 1;
            last >>= 1;
        }
        if last == 0 { Ok((earlier, later)) } else { Err(ProofRefused::Length) }
    }
}

/// Where RFC 6962 splits the subtree over `from..to`: after the largest power of two smaller than its size.
fn split(from: u64, to: u64) -> Option<u64> {
    let height = to.checked_sub(from)?.checked_sub(1)?.checked_ilog2()?;
    from.checked_add(1 << height)
}
