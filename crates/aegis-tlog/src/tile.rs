//! Tiles and entry bundles of c2sp.org/tlog-tiles: their coordinates, their paths and their bytes.
//!
//! A tile is a run of up to 256 neighbouring hashes of one level, 8 tree levels above the next lower tile
//! level. A bundle holds the entries under the tile of level 0 with the same index. Full ones never change;
//! partial ones only grow, so a wider one serves every narrower request ([`Tile::cut`]).

use std::fmt;

use aegis_core::crypto::digest::Digest;

use crate::text::parse_decimal;
use crate::tree::{HASH_BYTES, SIZE_MAX, perfect_root};

/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Bytes of a full tile.
pub const TILE_BYTES: usize = 256 * HASH_BYTES;
/// Highest tile level a tree within [`SIZE_MAX`] can have.
pub const LEVEL_MAX: u8 = 7;
/// Longest entry: its length is a 16-bit number in a bundle.
pub const ENTRY_BYTES_MAX: usize = 0xffff;

/// Coordinates of a hash tile: level, index within the level, number of hashes.
///
/// Always names a tile that some tree of at most [`SIZE_MAX`] leaves has: level ≤ [`LEVEL_MAX`] and
/// 1 ≤ width ≤ 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// Names a tile; `None` if no tree has it.
    pub fn new(level: u8, index: u64, width: u16) -> Option<Tile> {
        let tile = Tile { level, index, width };
        let exists =
            level <= LEVEL_MAX && (1..=TILE_WIDTH).contains(&width) && tile.end() <= u128::from(SIZE_MAX);
        exists.then_some(tile)
    }

    /// The tile at `level` and `index` as wide as a tree of `size` leaves makes it; `None` if that tree has
    /// no hash there.
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Tile> {
        let hashes = hashes_at(level, size)?;
        let before = index.checked_mul(u64::from(TILE_WIDTH))?;
        let width = hashes.checked_sub(before)?.min(u64::from(TILE_WIDTH));
        Tile::new(level, index, u16::try_from(width).ok()?)
    }

    /// Tile level: 0 holds leaf hashes.
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// Position among the tiles of the level.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes, 1 to 256.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether the tile holds 256 hashes and so never changes.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Number of bytes: 32 for each hash.
    pub fn byte_len(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// Whether a tree of `size` leaves has all hashes of this tile.
    pub fn is_in_tree(&self, size: u64) -> bool {
        self.end() <= u128::from(size)
    }

    /// The bytes of this tile out of those of an equally placed tile at least as wide; `None` if they are
    /// too few or no whole number of hashes.
    pub fn cut<'b>(&self, wider: &'b [u8]) -> Option<&'b [u8]> {
        if wider.len().is_multiple_of(HASH_BYTES) { wider.get(..self.byte_len()) } else { None }
    }

    /// Index of the first leaf that lies beyond the tile.
    fn end(&self) -> u128 {
        (u128::from(self.index) * u128::from(TILE_WIDTH) + u128::from(self.width))
            << (8 * u32::from(self.level.min(LEVEL_MAX)))
    }
}

/// Number of complete hashes at tile level `level` in a tree of `size` leaves: `size / 256^level`.
fn hashes_at(level: u8, size: u64) -> Option<u64> {
    size.checked_shr(8 * u32::from(level))
}

/// Writes the part of the path after `tile/`: `0/x001/x234/067` or `0/x001/x234/067.p/5`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.level)?;
        write_place(f, self.index, self.width)
    }
}

/// Coordinates of a bundle: the entries whose leaf hashes are the tile of level 0 with the same index and
/// width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryBundle {
    index: u64,
    width: u16,
}

impl EntryBundle {
    /// Names a bundle; `None` if no tree has it.
    pub fn new(index: u64, width: u16) -> Option<EntryBundle> {
        Tile::new(0, index, width).map(|_| EntryBundle { index, width })
    }

    /// The bundle at `index` as wide as a tree of `size` leaves makes it; `None` if there is none.
    pub fn in_tree(index: u64, size: u64) -> Option<EntryBundle> {
        Tile::in_tree(0, index, size).map(|tile| EntryBundle { index, width: tile.width })
    }

    /// Position among the bundles.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of entries, 1 to 256.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether the bundle holds 256 entries and so never changes.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Whether a tree of `size` leaves has all entries of this bundle.
    pub fn is_in_tree(&self, size: u64) -> bool {
        self.tile().is_in_tree(size)
    }

    /// The tile that holds the leaf hashes of these entries.
    pub const fn tile(&self) -> Tile {
        Tile { level: 0, index: self.index, width: self.width }
    }

    /// The bytes of this bundle out of those of an equally placed bundle at least as wide; `None` if the
    /// framing is broken or there are too few entries.
    pub fn cut<'b>(&self, wider: &'b [u8]) -> Option<&'b [u8]> {
        let mut entries = entries(wider);
        for _ in 0..self.width {
            entries.next()?.ok()?;
        }
        wider.get(..wider.len().checked_sub(entries.rest.len())?)
    }
}

/// Writes the part of the path after `tile/`: `entries/x001/234` or `entries/x001/234.p/5`.
impl fmt::Display for EntryBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries/")?;
        write_place(f, self.index, self.width)
    }
}

/// Whatever a log serves below `tile/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// A tile of hashes.
    Tile(Tile),
    /// A bundle of entries.
    Entries(EntryBundle),
}

impl Resource {
    /// Parses the part of the path after `tile/`; exactly the spelling `Display` writes, else `None`.
    pub fn parse(path: &str) -> Option<Resource> {
        let (kind, place) = path.split_once('/')?;
        let (index, width) = parse_place(place)?;
        if kind == "entries" {
            return EntryBundle::new(index, width).map(Resource::Entries);
        }
        let level = u8::try_from(parse_decimal(kind)?).ok()?;
        Tile::new(level, index, width).map(Resource::Tile)
    }

    /// Whether a tree of `size` leaves has all of it.
    pub fn is_in_tree(&self, size: u64) -> bool {
        match self {
            Resource::Tile(tile) => tile.is_in_tree(size),
            Resource::Entries(bundle) => bundle.is_in_tree(size),
        }
    }

    /// Whether it has width 256 and so never changes.
    pub fn is_full(&self) -> bool {
        match self {
            Resource::Tile(tile) => tile.is_full(),
            Resource::Entries(bundle) => bundle.is_full(),
        }
    }

    /// Its bytes out of those of an equally placed resource at least as wide (see [`Tile::cut`] and
    /// [`EntryBundle::cut`]).
    pub fn cut<'b>(&self, wider: &'b [u8]) -> Option<&'b [u8]> {
        match self {
            Resource::Tile(tile) => tile.cut(wider),
            Resource::Entries(bundle) => bundle.cut(wider),
        }
    }
}

/// Writes the part of the path after `tile/`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Tile(tile) => fmt::Display::fmt(tile, f),
            Resource::Entries(bundle) => fmt::Display::fmt(bundle, f),
        }
    }
}

/// The tiles that make up a tree of `size` leaves, level by level, each as wide as that tree makes it.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    (0..=LEVEL_MAX).flat_map(move |level| {
        let count = hashes_at(level, size).unwrap_or(0).div_ceil(u64::from(TILE_WIDTH));
        (0..count).filter_map(move |index| Tile::in_tree(level, index, size))
    })
}

/// The bundles that hold the entries of a tree of `size` leaves.
pub fn bundles_of(size: u64) -> impl Iterator<Item = EntryBundle> {
    (0..size.div_ceil(u64::from(TILE_WIDTH))).filter_map(move |index| EntryBundle::in_tree(index, size))
}

/// The hashes of a tile's bytes; a last incomplete hash is left out.
pub fn hashes(bytes: &[u8]) -> impl DoubleEndedIterator<Item = Digest> + ExactSizeIterator {
    bytes.as_chunks::<HASH_BYTES>().0.iter().map(|hash| Digest::from_bytes(*hash))
}

/// The hash a full tile contributes to the level above; `None` unless `bytes` are 8,192.
pub fn full_tile_root(bytes: &[u8]) -> Option<Digest> {
    if bytes.len() != TILE_BYTES {
        return None;
    }
    perfect_root(&hashes(bytes).collect::<Vec<_>>())
}

/// An entry is longer than [`ENTRY_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entry is longer than 65535 bytes")]
pub struct EntryTooLong;

/// Adds one entry to the bytes of a bundle: big-endian 16-bit length, then the entry.
///
/// # Errors
/// [`EntryTooLong`] beyond [`ENTRY_BYTES_MAX`]; the bundle is left as it was.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryTooLong> {
    let length = u16::try_from(entry.len()).map_err(|_| EntryTooLong)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// A bundle ends inside an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bundle ends inside an entry")]
pub struct BundleTruncated;

/// The entries of a bundle's bytes, in order.
pub fn entries(bundle: &[u8]) -> Entries<'_> {
    Entries { rest: bundle }
}

/// Iterator over the entries of a bundle; after a broken frame it yields nothing more.
#[derive(Debug, Clone)]
pub struct Entries<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for Entries<'b> {
    type Item = Result<&'b [u8], BundleTruncated>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let framed = self
            .rest
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let (entry, rest) = framed.map_or((Err(BundleTruncated), &[][..]), |(entry, rest)| (Ok(entry), rest));
        self.rest = rest;
        Some(entry)
    }
}

/// `x001/x234/067`, and `.p/W` for a partial width.
fn write_place(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    let mut divisor = 1;
    while index / divisor >= 1000 {
        divisor *= 1000;
    }
    while divisor > 1 {
        write!(f, "x{:03}/", index / divisor % 1000)?;
        divisor /= 1000;
    }
    write!(f, "{:03}", index % 1000)?;
    if width == TILE_WIDTH { Ok(()) } else { write!(f, ".p/{width}") }
}

fn parse_place(place: &str) -> Option<(u64, u16)> {
    let (index, width) = match place.split_once(".p/") {
        None => (place, TILE_WIDTH),
        Some((index, width)) => {
            let width = u16::try_from(parse_decimal(width)?).ok()?;
            (index, (width < TILE_WIDTH).then_some(width)?)
        }
    };
    let (upper, last) = index.rsplit_once('/').map_or((None, index), |(upper, last)| (Some(upper), last));
    let mut number = 0_u64;
    for (position, group) in upper.iter().flat_map(|upper| upper.split('/')).enumerate() {
        let digits = three_digits(group.strip_prefix('x')?)?;
        // A leading group of zeroes would be a second spelling of the same index.
        if position == 0 && digits == 0 {
            return None;
        }
        number = number.checked_mul(1000)?.checked_add(digits)?;
    }
    Some((number.checked_mul(1000)?.checked_add(three_digits(last)?)?, width))
}

fn three_digits(text: &str) -> Option<u64> {
    let exact = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if exact { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The spec's own paths and counts: index 1234067, and the tiles of a tree of 70,000.
    #[test]
    fn spec_examples() {
        let tile = Tile::new(0, 1_234_067, 256).unwrap();
        assert_eq!(tile.to_string(), "0/x001/x234/067");
        assert_eq!(Resource::parse("0/x001/x234/067"), Some(Resource::Tile(tile)));
        let bundle = EntryBundle::new(273, 112).unwrap();
        assert_eq!(bundle.to_string(), "entries/273.p/112");
        assert_eq!(Resource::parse("entries/273.p/112"), Some(Resource::Entries(bundle)));

        let count = |level, full| {
            tiles_of(70_000).filter(move |tile| tile.level() == level && tile.is_full() == full).count()
        };
        assert_eq!((count(0, true), count(0, false)), (273, 1));
        assert_eq!((count(1, true), count(1, false)), (1, 1));
        assert_eq!((count(2, true), count(2, false)), (0, 1));
        let partial: Vec<u16> = tiles_of(70_000).filter(|tile| !tile.is_full()).map(|t| t.width()).collect();
        assert_eq!(partial, [112, 17, 1]);
        let small: Vec<String> = tiles_of(256).map(|tile| tile.to_string()).collect();
        assert_eq!(small, ["0/000", "1/000.p/1"]);
        assert_eq!(tiles_of(0).count() + bundles_of(0).count(), 0);
    }

    /// Every second spelling of a path is refused.
    #[test]
    fn paths_have_one_spelling() {
        for bad in [
            "",
            "0",
            "0/",
            "00/000",
            "8/000",
            "64/000",
            "-1/000",
            "0/0",
            "0/1000",
            "0/x000/001",
            "0/001/002",
            "0/x001",
            "0/x01/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p",
            "0/000.p/",
            "0/000.P/1",
            "0/000/",
            "entries",
            "data/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
            "7/001",
            "7/000",
            "0/000.p/1/1",
            "0/+01",
            "entries/x000/000",
        ] {
            assert_eq!(Resource::parse(bad), None, "{bad}");
        }
        assert!(Resource::parse("7/000.p/127").is_some());
    }

    /// A narrower tile or bundle is a prefix of the wider one.
    #[test]
    fn cuts_prefixes() {
        let tile = vec![7; 5 * 32];
        assert_eq!(Tile::new(0, 0, 2).unwrap().cut(&tile).unwrap().len(), 64);
        assert_eq!(Tile::new(0, 0, 6).unwrap().cut(&tile), None);
        assert_eq!(Tile::new(0, 0, 2).unwrap().cut(&tile[1..]), None);
        let mut bundle = Vec::new();
        for entry in [&b"a"[..], b"", b"ccc"] {
            push_entry(&mut bundle, entry).unwrap();
        }
        assert_eq!(EntryBundle::new(0, 2).unwrap().cut(&bundle).unwrap(), &bundle[..5]);
        assert_eq!(EntryBundle::new(0, 3).unwrap().cut(&bundle).unwrap(), &bundle[..]);
        assert_eq!(EntryBundle::new(0, 4).unwrap().cut(&bundle), None);
        assert_eq!(push_entry(&mut bundle, &vec![0; 65536]), Err(EntryTooLong));
        assert_eq!(entries(&bundle).count(), 3);
        assert_eq!(entries(&bundle[..9]).last(), Some(Err(BundleTruncated)));
    }

    proptest! {
        /// Every tile a tree can have survives its path.
        #[test]
        fn paths_round_trip(level in 0_u8..8, index: u64, width in 1_u16..=256) {
            let index = index >> (8 * u32::from(level)) >> 9;
            if let Some(tile) = Tile::new(level, index, width) {
                prop_assert_eq!(Resource::parse(&tile.to_string()), Some(Resource::Tile(tile)));
            }
            let bundle = EntryBundle::new(index, width).unwrap();
            prop_assert_eq!(Resource::parse(&bundle.to_string()), Some(Resource::Entries(bundle)));
        }

        /// Arbitrary text is no path or exactly the path written for what it names.
        #[test]
        fn parsing_is_total(path in "(entries|[0-9]{0,3})/[x0-9/.p]{0,24}|.{0,32}") {
            if let Some(resource) = Resource::parse(&path) {
                prop_assert_eq!(resource.to_string(), path);
            }
        }

        /// Arbitrary bytes are read as entries without panic and without losing a byte.
        #[test]
        fn bundles_are_total(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let read: Result<Vec<&[u8]>, _> = entries(&bytes).collect();
            if let Ok(read) = read {
                let mut again = Vec::new();
                for entry in read {
                    push_entry(&mut again, entry).unwrap();
                }
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
