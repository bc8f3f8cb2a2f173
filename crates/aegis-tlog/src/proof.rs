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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};
    use std::convert::Infallible;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::edge::RightEdge;
    use crate::node::TileNodes;
    use crate::tile::Resource;
    use crate::tree::{Frontier, leaf_hash, naive_root};

    /// A tree of `size` leaves as a map of hash tiles.
    struct Tree {
        leaves: Vec<Digest>,
        tiles: BTreeMap<(u8, u64), Arc<TileNodes>>,
    }

    impl Tree {
        fn new(size: u64) -> Tree {
            let mut edge = RightEdge::empty();
            let leaves = (0..size).map(|n| edge.append(&n.to_be_bytes()).unwrap()).collect();
            let mut tiles = BTreeMap::new();
            for write in edge.take_writes() {
                if let Resource::Tile(tile) = write.resource {
                    tiles.insert((tile.level(), tile.index()), Arc::new(TileNodes::new(&write.bytes)));
                }
            }
            Tree { leaves, tiles }
        }

        fn root(&self, size: u64) -> Digest {
            let mut frontier = Frontier::empty();
            let leaves = &self.leaves[..usize::try_from(size).unwrap()];
            for leaf in leaves {
                frontier.append(*leaf);
            }
            frontier.root()
        }

        fn source(&self) -> impl Fn(Tile) -> Result<Arc<TileNodes>, Infallible> {
            |tile| Ok(self.tiles[&(tile.level(), tile.index())].clone())
        }
    }

    /// The definition of RFC 6962 §2.1.1, as oracle.
    fn naive_path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
        if leaves.len() < 2 {
            return vec![];
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut path, sibling) = if index < left.len() {
            (naive_path(index, left), naive_root(right))
        } else {
            (naive_path(index - left.len(), right), naive_root(left))
        };
        path.push(sibling);
        path
    }

    /// The definition of RFC 6962 §2.1.2 (SUBPROOF), as oracle.
    fn naive_subproof(from: usize, leaves: &[Digest], known: bool) -> Vec<Digest> {
        if from == leaves.len() {
            return if known { vec![] } else { vec![naive_root(leaves)] };
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut proof, sibling) = if from <= left.len() {
            (naive_subproof(from, left, known), naive_root(right))
        } else {
            (naive_subproof(from - left.len(), right, false), naive_root(left))
        };
        proof.push(sibling);
        proof
    }

    /// Every inclusion proof up to size 300 verifies; every fifth is compared with the definition, and refused
    /// with another index and with a hash less or more.
    #[test]
    fn all_small_inclusion_proofs() {
        let tree = Tree::new(300);
        for size in 1..=300_u64 {
            let leaves = &tree.leaves[..usize::try_from(size).unwrap()];
            let root = tree.root(size);
            for (index, leaf) in (0..size).zip(leaves) {
                let proof = InclusionProof::make(index, size, tree.source()).unwrap();
                proof.verify(leaf, &root).unwrap();
                if (size + index) % 5 != 0 {
                    continue;
                }
                if size < 40 {
                    assert_eq!(proof.hashes, naive_path(usize::try_from(index).unwrap(), leaves));
                }
                let moved = InclusionProof { index: index ^ 1, ..proof.clone() };
                assert!(moved.verify(leaf, &root).is_err() || size == 1);
                let mut short = proof.clone();
                if short.hashes.pop().is_some() {
                    assert_eq!(short.verify(leaf, &root), Err(ProofRefused::Length));
                }
                let mut long = proof.clone();
                long.hashes.push(root);
                assert_eq!(long.verify(leaf, &root), Err(ProofRefused::Length));
            }
        }
    }

    /// Every consistency proof up to size 300 verifies; every fifth is compared with the definition, and
    /// refused with the roots swapped and with a hash less or more.
    #[test]
    fn all_small_consistency_proofs() {
        let tree = Tree::new(300);
        let roots: Vec<Digest> = (0..=300).map(|size| tree.root(size)).collect();
        for (to, to_root) in (0..=300_u64).zip(&roots) {
            for (from, from_root) in (0..=to).zip(&roots) {
                let proof = ConsistencyProof::make(from, to, tree.source()).unwrap();
                proof.verify(from_root, to_root).unwrap();
                if (from + to) % 5 != 0 {
                    continue;
                }
                let mut long = proof.clone();
                long.hashes.push(*to_root);
                assert_eq!(long.verify(from_root, to_root), Err(ProofRefused::Length));
                if from == 0 || from == to {
                    continue;
                }
                assert_eq!(proof.verify(to_root, from_root), Err(ProofRefused::Root));
                let mut short = proof.clone();
                short.hashes.pop();
                assert_eq!(short.verify(from_root, to_root), Err(ProofRefused::Length));
                if to < 40 {
                    let leaves = &tree.leaves[..usize::try_from(to).unwrap()];
                    assert_eq!(proof.hashes, naive_subproof(usize::try_from(from).unwrap(), leaves, true));
                }
            }
        }
        let same = ConsistencyProof { from: 3, to: 3, hashes: vec![] };
        assert_eq!(same.verify(&roots[3], &roots[4]), Err(ProofRefused::Root));
    }

    /// Nothing outside the tree can be proven, and absurd numbers are refused without a long loop.
    #[test]
    fn bounds() {
        let none = |_: Tile| Ok::<Vec<u8>, Infallible>(vec![]);
        for (index, size) in [(0, 0), (5, 5), (u64::MAX, 3), (0, SIZE_MAX + 1), (3, u64::MAX)] {
            assert_eq!(InclusionProof::make(index, size, none), Err(Unreadable::OutOfRange));
            let proof = InclusionProof { index, size, hashes: vec![Digest::ZERO; 64] };
            assert_eq!(proof.root(&Digest::ZERO), Err(ProofRefused::OutOfRange));
        }
        for (from, to) in [(1, 0), (2, SIZE_MAX + 1), (u64::MAX, u64::MAX)] {
            assert_eq!(ConsistencyProof::make(from, to, none), Err(Unreadable::OutOfRange));
            let proof = ConsistencyProof { from, to, hashes: vec![] };
            assert_eq!(proof.verify(&Digest::ZERO, &Digest::ZERO), Err(ProofRefused::OutOfRange));
        }
        let short = InclusionProof::make(1, 2, none);
        assert_eq!(short, Err(Unreadable::Short(Tile::new(0, 0, 2).unwrap())));
    }

    /// In a tree of 10^8 leaves a proof reads at most eight tiles, each once, and cached tile nodes give the
    /// same proof as bytes.
    #[test]
    fn large_trees_need_few_tiles() {
        let size = 100_000_000;
        // A tree of equal leaves: all full tiles of a level are equal, so it exists without being stored.
        let mut full = vec![leaf_hash(b"")];
        while full.len() < 5 {
            let below = full[full.len() - 1];
            full.push(crate::tree::perfect_root(&[below; 256]).unwrap());
        }
        let bytes = |tile: Tile| {
            let one = *full[usize::from(tile.level())].as_bytes();
            one.repeat(usize::from(tile.width()))
        };
        let asked = RefCell::new(BTreeSet::new());
        let once = |tile: Tile| {
            assert!(asked.borrow_mut().insert(tile), "{tile} asked for twice");
            Ok::<_, Infallible>(bytes(tile))
        };
        let cached = |tile: Tile| Ok::<_, Infallible>(Arc::new(TileNodes::new(&bytes(tile))));
        let root = Frontier::from_tiles(size, cached).unwrap().root();
        for index in [0, 1, 12_345_678, size / 2, size - 1] {
            asked.borrow_mut().clear();
            let proof = InclusionProof::make(index, size, once).unwrap();
            proof.verify(&full[0], &root).unwrap();
            assert!(asked.borrow().len() <= 8, "{:?}", asked.borrow());
            assert_eq!(InclusionProof::make(index, size, cached).unwrap(), proof);
            asked.borrow_mut().clear();
            let proof = ConsistencyProof::make(index + 1, size, once).unwrap();
            let from_root = Frontier::from_tiles(index + 1, cached).unwrap().root();
            proof.verify(&from_root, &root).unwrap();
            assert!(asked.borrow().len() <= 8, "{:?}", asked.borrow());
        }
    }

    proptest! {
        /// A proof with any one byte altered, or for another leaf, is refused.
        #[test]
        fn altered_proofs_fail(size in 2_u64..300, at: prop::sample::Index, byte: prop::sample::Index, bit in 0_u8..8) {
            let tree = Tree::new(size);
            let index = u64::try_from(at.index(usize::try_from(size).unwrap())).unwrap();
            let leaf = tree.leaves[at.index(tree.leaves.len())];
            let alter = |hashes: &mut Vec<Digest>| {
                if let Some(count) = hashes.len().checked_mul(32).filter(|count| *count > 0) {
                    let place = byte.index(count);
                    let mut bytes = *hashes[place / 32].as_bytes();
                    bytes[place % 32] ^= 1 << bit;
                    hashes[place / 32] = Digest::from_bytes(bytes);
                }
            };
            let mut proof = InclusionProof::make(index, size, tree.source()).unwrap();
            prop_assert_eq!(proof.verify(&tree.leaves[0], &tree.root(size)).is_ok(), index == 0);
            alter(&mut proof.hashes);
            prop_assert_eq!(proof.verify(&leaf, &tree.root(size)), Err(ProofRefused::Root));

            let mut proof = ConsistencyProof::make(index, size, tree.source()).unwrap();
            alter(&mut proof.hashes);
            let verified = proof.verify(&tree.root(index), &tree.root(size));
            prop_assert_eq!(verified.is_err(), index != 0);
        }

        /// Arbitrary numbers and hashes never verify and never panic.
        #[test]
        fn checks_are_total(a: u64, b: u64, shift in 0_u32..64, count in 0_usize..70) {
            let hashes = vec![Digest::ZERO; count];
            let (index, size) = (a >> shift, b >> shift);
            let root = Digest::from_bytes([1; 32]);
            let inclusion = InclusionProof { index, size, hashes: hashes.clone() };
            prop_assert!(inclusion.verify(&Digest::ZERO, &root).is_err());
            let consistency = ConsistencyProof { from: index, to: size, hashes };
            prop_assert!(index == 0 || consistency.verify(&Digest::ZERO, &root).is_err());
        }
    }
}
