//! The Merkle tree of RFC 6962 §2.1 (the same in RFC 9162 §2.1) over SHA-256.
//!
//! Leaves and interior nodes are hashed under different prefixes, so that no node can be passed off as an
//! entry. This module knows hashes and their order; where they are kept is the business of [`crate::tile`].

use aegis_core::crypto::digest::Digest;

/// Bytes of one hash.
pub const HASH_BYTES: usize = 32;

/// Largest tree size accepted anywhere: other implementations carry sizes as signed 64-bit numbers.
pub const SIZE_MAX: u64 = (1 << 63) - 1;

/// The hash of a leaf: SHA-256(0x00 ‖ entry). RFC 6962 §2.1.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of(&[&[0], entry])
}

/// The hash of an interior node: SHA-256(0x01 ‖ left ‖ right). RFC 6962 §2.1.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The root of the tree without leaves: SHA-256 of nothing. RFC 6962 §2.1.
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The root of a perfect tree over `hashes`, whose number is a power of two. Any other number gives `None`.
pub fn perfect_root(hashes: &[Digest]) -> Option<Digest> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut nodes = parents(hashes);
    if nodes.is_empty() {
        return hashes.first().copied();
    }
    while nodes.len() > 1 {
        nodes = parents(&nodes);
    }
    nodes.first().copied()
}

/// The nodes one level above `nodes`; a last node without a sibling is left out.
pub(crate) fn parents(nodes: &[Digest]) -> Vec<Digest> {
    nodes.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect()
}

/// The left-to-right roots of the perfect subtrees that make up a tree: all that appending needs.
///
/// The number of peaks is the number of one bits of the size, the largest subtree first. Appending costs one
/// node hash on average.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The frontier of the empty tree.
    pub const fn empty() -> Frontier {
        Frontier { size: 0, peaks: Vec::new() }
    }

    /// Takes the peaks of a tree of `size` leaves, the largest first. `None` if their number cannot be right
    /// or `size` is beyond [`SIZE_MAX`].
    pub fn from_peaks(size: u64, peaks: Vec<Digest>) -> Option<Frontier> {
        let expected = usize::try_from(size.count_ones()).ok()?;
        (size <= SIZE_MAX && peaks.len() == expected).then_some(Frontier { size, peaks })
    }

    /// As [`Frontier::from_peaks`], for peaks that are right by construction.
    pub(crate) const fn of(size: u64, peaks: Vec<Digest>) -> Frontier {
        Frontier { size, peaks }
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, the largest (left-most) first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds one leaf at the right end. A tree at [`SIZE_MAX`] cannot grow and stays as it is.
    pub fn append(&mut self, leaf: Digest) {
        if self.size >= SIZE_MAX {
            return;
        }
        let mut node = leaf;
        let mut heights = self.size;
        while heights & 1 == 1 {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
            heights >>= 1;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root of the tree (RFC 6962 MTH).
    pub fn root(&self) -> Digest {
        fold_peaks(&self.peaks).unwrap_or_else(empty_root)
    }
}

/// Joins perfect subtrees, the largest first, into the hash of the range they cover; `None` for none.
pub(crate) fn fold_peaks(peaks: &[Digest]) -> Option<Digest> {
    peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right))
}

/// The RFC's own recursive definition, kept as the oracle of the tests.
#[cfg(test)]
pub(crate) fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(&naive_root(&leaves[..split]), &naive_root(&leaves[split..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The incremental root equals the recursive definition at every size up to 600.
    #[test]
    fn frontier_equals_definition() {
        let mut frontier = Frontier::empty();
        let mut leaves = Vec::new();
        for n in 0..600_u32 {
            assert_eq!(frontier.root(), naive_root(&leaves), "size {n}");
            let leaf = leaf_hash(&n.to_be_bytes());
            frontier.append(leaf);
            leaves.push(leaf);
        }
        assert_eq!(frontier.size(), 600);
    }

    /// Perfect trees agree with the definition; other sizes have no perfect root.
    #[test]
    fn perfect_roots() {
        let leaves: Vec<Digest> = (0..256_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for size in 0..=256 {
            let expected = size_is_perfect(size).then(|| naive_root(&leaves[..size]));
            assert_eq!(perfect_root(&leaves[..size]), expected);
        }
    }

    fn size_is_perfect(size: usize) -> bool {
        size.is_power_of_two()
    }

    /// A frontier never grows beyond the bound and refuses an impossible number of peaks.
    #[test]
    fn bounds() {
        let leaf = leaf_hash(b"");
        let mut full = Frontier::from_peaks(SIZE_MAX, vec![leaf; 63]).unwrap();
        full.append(leaf);
        assert_eq!(full.size(), SIZE_MAX);
        assert_eq!(Frontier::from_peaks(3, vec![leaf]), None);
        assert_eq!(Frontier::from_peaks(SIZE_MAX + 1, vec![leaf]), None);
        assert_eq!(Frontier::from_peaks(0, vec![]), Some(Frontier::empty()));
    }

    proptest! {
        /// Stopping at any size, storing the peaks and going on yields the same root.
        #[test]
        fn frontier_survives_storage(first in 0_u64..200, second in 0_u64..200) {
            let mut whole = Frontier::empty();
            (0..first).for_each(|n| whole.append(leaf_hash(&n.to_be_bytes())));
            let mut again = Frontier::from_peaks(whole.size(), whole.peaks().to_vec()).unwrap();
            for n in first..first + second {
                whole.append(leaf_hash(&n.to_be_bytes()));
                again.append(leaf_hash(&n.to_be_bytes()));
            }
            prop_assert_eq!(whole.root(), again.root());
        }
    }
}
