//! Reading single nodes of the tree out of tiles.
//!
//! A tile stores every eighth tree level; the nodes between are hashed on demand from a tile's bytes, or
//! looked up in a [`TileNodes`], which hashes a tile once and may be kept, because full tiles never change.

use std::sync::Arc;

use aegis_core::crypto::digest::Digest;

use crate::tile::{Tile, hashes};
use crate::tree::{Frontier, SIZE_MAX, fold_peaks, parents, perfect_root};

/// The content of a tile, in a form that yields the nodes above its hashes.
pub trait TileContent {
    /// The node `height` levels (0 to 7) above the tile's hashes, the `index`-th from the left; `None` if
    /// the content does not have all hashes below it.
    fn node(&self, height: u8, index: usize) -> Option<Digest>;
}

/// The tile's bytes, as stored and served; a node of height h costs 2^h − 1 hashes.
impl TileContent for Vec<u8> {
    fn node(&self, height: u8, index: usize) -> Option<Digest> {
        let width = 1_usize.checked_shl(u32::from(height))?;
        let first = index.checked_mul(width)?;
        let below: Vec<Digest> = hashes(self).skip(first).take(width).collect();
        if below.len() == width { perfect_root(&below) } else { None }
    }
}

/// A tile with all nodes above its hashes computed once: 16 KiB for a full one, no hashing afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileNodes {
    /// One vector for each height, from the tile's own hashes upward.
    heights: Vec<Vec<Digest>>,
}

impl TileNodes {
    /// Hashes the nodes above a tile's bytes.
    pub fn new(bytes: &[u8]) -> TileNodes {
        let mut nodes: Vec<Digest> = hashes(bytes).collect();
        let mut heights = Vec::with_capacity(8);
        while !nodes.is_empty() && heights.len() < 8 {
            let above = parents(&nodes);
            heights.push(std::mem::replace(&mut nodes, above));
        }
        TileNodes { heights }
    }
}

impl TileContent for TileNodes {
    fn node(&self, height: u8, index: usize) -> Option<Digest> {
        self.heights.get(usize::from(height))?.get(index).copied()
    }
}

/// A shared tile, as a cache hands it out.
impl TileContent for Arc<TileNodes> {
    fn node(&self, height: u8, index: usize) -> Option<Digest> {
        TileNodes::node(self, height, index)
    }
}

/// Why nodes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable<E> {
    /// The source of tiles failed.
    #[error("the source of tiles failed")]
    Source(#[source] E),
    /// A tile has fewer hashes than the tree size says.
    #[error("tile {0} has too few hashes")]
    Short(Tile),
    /// The index or size asked for is not in the tree.
    #[error("index or size beyond the tree")]
    OutOfRange,
}

/// The nodes of one tree of a fixed size; asks `fetch` for each tile at most once.
pub(crate) struct NodeReader<F, T> {
    size: u64,
    fetch: F,
    read: Vec<(Tile, T)>,
}

impl<E, T: TileContent, F: FnMut(Tile) -> Result<T, E>> NodeReader<F, T> {
    pub(crate) fn new(size: u64, fetch: F) -> NodeReader<F, T> {
        NodeReader { size, fetch, read: Vec::new() }
    }

    /// The root of the perfect subtree of 2^height leaves that starts at `index * 2^height`.
    fn perfect(&mut self, height: u32, index: u64) -> Result<Digest, Unreadable<E>> {
        let (level, above) = (height / 8, height % 8);
        let level = u8::try_from(level).map_err(|_| Unreadable::OutOfRange)?;
        let above = u8::try_from(above).map_err(|_| Unreadable::OutOfRange)?;
        // The tile has 256 hashes, so 2^(8 - above) nodes of this height.
        let nodes_log = 8 - u32::from(above);
        let tile = Tile::in_tree(level, index >> nodes_log, self.size).ok_or(Unreadable::OutOfRange)?;
        let place = usize::try_from(index & ((1 << nodes_log) - 1)).map_err(|_| Unreadable::OutOfRange)?;
        let held = self.read.iter().find(|(known, _)| *known == tile);
        let node = if let Some((_, content)) = held {
            content.node(above, place)
        } else {
            let content = (self.fetch)(tile).map_err(Unreadable::Source)?;
            let node = content.node(above, place);
            self.read.push((tile, content));
            node
        };
        node.ok_or(Unreadable::Short(tile))
    }

    /// The roots of the perfect subtrees that cover leaves `from..to`, the largest first. `from` must be a
    /// multiple of the largest power of two within the range.
    fn peaks(&mut self, from: u64, to: u64) -> Result<Vec<Digest>, Unreadable<E>> {
        let mut peaks = Vec::new();
        let mut start = from;
        while let Some(height) = to.checked_sub(start).and_then(u64::checked_ilog2) {
            peaks.push(self.perfect(height, start >> height)?);
            start += 1 << height;
        }
        Ok(peaks)
    }

    /// MTH(D[from:to]) of RFC 6962 for a range as in [`NodeReader::peaks`], not empty.
    pub(crate) fn range(&mut self, from: u64, to: u64) -> Result<Digest, Unreadable<E>> {
        fold_peaks(&self.peaks(from, to)?).ok_or(Unreadable::OutOfRange)
    }
}

impl Frontier {
    /// The frontier of the first `size` leaves, read from the tiles of a tree that has at least `size`.
    ///
    /// # Errors
    /// [`Unreadable`] as `fetch` fails or gives too few hashes, or `size` is beyond [`SIZE_MAX`].
    pub fn from_tiles<E, T: TileContent>(
        size: u64,
        fetch: impl FnMut(Tile) -> Result<T, E>,
    ) -> Result<Frontier, Unreadable<E>> {
        if size > SIZE_MAX {
            return Err(Unreadable::OutOfRange);
        }
        let peaks = NodeReader::new(size, fetch).peaks(0, size)?;
        Frontier::from_peaks(size, peaks).ok_or(Unreadable::OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::tile::TILE_BYTES;
    use crate::tree::{leaf_hash, naive_root};

    /// Bytes and computed nodes give the same node at every height and index, and nothing beyond.
    #[test]
    fn both_contents_agree() {
        for width in [1_usize, 2, 3, 100, 255, 256] {
            let leaves: Vec<Digest> = (0..width).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
            let nodes = TileNodes::new(&bytes);
            for height in 0..8_u8 {
                let span = 1_usize << height;
                for index in 0..=256 / span {
                    let expected = leaves.get(index * span..(index + 1) * span).map(naive_root);
                    assert_eq!(bytes.node(height, index), expected);
                    assert_eq!(nodes.node(height, index), expected, "{width} {height} {index}");
                }
            }
            assert_eq!((bytes.node(64, 0), nodes.node(64, 0)), (None, None));
            assert_eq!((bytes.node(7, usize::MAX), nodes.node(7, usize::MAX)), (None, None));
        }
    }

    /// A source that fails or gives short tiles is named.
    #[test]
    fn names_what_is_wrong() {
        let failed = Frontier::from_tiles(300, |_| Err::<Vec<u8>, _>("gone"));
        assert_eq!(failed, Err(Unreadable::Source("gone")));
        let short = Frontier::from_tiles(300, |_| Ok::<_, Infallible>(vec![0; 32]));
        assert_eq!(short, Err(Unreadable::Short(Tile::new(0, 1, 44).unwrap())));
        let beyond = Frontier::from_tiles(u64::MAX, |_| Ok::<_, Infallible>(vec![0; TILE_BYTES]));
        assert_eq!(beyond, Err(Unreadable::OutOfRange));
    }
}
