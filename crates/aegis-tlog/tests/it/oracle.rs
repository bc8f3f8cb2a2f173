//! The crates `signed_note` and `tlog_tiles` accept what we make, and we accept what they make.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::SigningKey;
use aegis_core::encoding::{to_base64, to_hex};
use aegis_core::secret::Secret;
use aegis_tlog::checkpoint::Checkpoint;
use aegis_tlog::edge::RightEdge;
use aegis_tlog::node::TileNodes;
use aegis_tlog::note::{NoteSigner, SignatureType, SignedNote, VerifierKey};
use aegis_tlog::proof::{ConsistencyProof, InclusionProof};
use aegis_tlog::tile::{EntryBundle, Resource, Tile, tiles_of};
use aegis_tlog::tree::Frontier;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{Hash, HashReader, TileHashReader, TileReader};

const ORIGIN: &str = "example.com/log";
const SIZES: [u64; 9] = [1, 2, 255, 256, 257, 700, 65_535, 65_536, 66_000];

fn hash(digest: Digest) -> Hash {
    Hash(*digest.as_bytes())
}

fn theirs(hashes: &[Digest]) -> Vec<Hash> {
    hashes.iter().copied().map(hash).collect()
}

fn their_tile(tile: Tile) -> tlog_tiles::Tile {
    tlog_tiles::Tile::new(8, tile.level(), tile.index(), tile.width().into(), false)
}

/// Our log of `size` entries as a map of tiles.
struct Log {
    size: u64,
    root: Digest,
    leaves: Vec<Digest>,
    tiles: HashMap<(u8, u64), Vec<u8>>,
    nodes: HashMap<(u8, u64), Arc<TileNodes>>,
}

impl Log {
    fn new(size: u64) -> Log {
        let mut edge = RightEdge::empty();
        let leaves = (0..size).map(|n| edge.append(&n.to_be_bytes()).unwrap()).collect();
        let root = edge.root();
        let writes = edge.take_writes().into_iter().filter_map(|write| match write.resource {
            Resource::Tile(tile) => Some(((tile.level(), tile.index()), write.bytes)),
            Resource::Entries(_) => None,
        });
        let tiles: HashMap<(u8, u64), Vec<u8>> = writes.collect();
        let nodes = tiles.iter().map(|(place, bytes)| (*place, Arc::new(TileNodes::new(bytes)))).collect();
        Log { size, root, leaves, tiles, nodes }
    }

    /// Our tiles, as the source of our proofs.
    fn source(&self) -> impl Fn(Tile) -> Result<Arc<TileNodes>, Infallible> {
        |tile| Ok(self.nodes[&(tile.level(), tile.index())].clone())
    }

    /// Some indices and sizes: the edges of tiles and of the tree, and a few between.
    fn places(&self) -> impl Iterator<Item = u64> {
        let size = self.size;
        [0, 1, 2, 254, 255, 256, 511, 512, 65_279, 65_534, 65_535, 65_536, size / 3, size / 2, size - 1]
            .into_iter()
            .filter(move |place| *place < size)
    }
}

/// Our tiles, read by their client.
impl TileReader for Log {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &tlog_tiles::Tile| {
            let ours = Tile::new(tile.level(), tile.level_index(), tile.width().try_into().unwrap()).unwrap();
            ours.cut(&self.tiles[&(ours.level(), ours.index())]).unwrap().to_vec()
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

/// Their storage of the same tree.
struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

/// Goal: one tree. Both build the same log; all tiles, their number, and the root are byte for byte equal.
#[test]
fn tiles_are_equal() {
    for size in SIZES.into_iter().filter(|size| ![65_535, 65_536].contains(size)) {
        let log = Log::new(size);
        let mut stored = Stored(Vec::new());
        for n in 0..size {
            let hashes = tlog_tiles::stored_hashes(n, &n.to_be_bytes(), &stored).unwrap();
            stored.0.extend(hashes);
        }
        assert_eq!(tlog_tiles::tree_hash(size, &stored).unwrap(), hash(log.root));
        let published = tlog_tiles::Tile::new_tiles(8, 0, size);
        let ours: Vec<_> = tiles_of(size).map(their_tile).collect();
        assert_eq!(ours, published, "size {size}");
        for tile in tiles_of(size) {
            let bytes = their_tile(tile).read_data(&stored).unwrap();
            assert_eq!(log.tiles[&(tile.level(), tile.index())], bytes, "{tile} of size {size}");
        }
    }
}

/// Goal: one path syntax. Ours is theirs below `tile/8/`, both ways.
#[test]
fn paths_are_equal() {
    for (level, index, width) in
        [(0, 0, 256), (1, 5, 1), (2, 999, 255), (0, 1000, 256), (0, 1_234_067, 7), (3, 1_000_000, 256)]
    {
        let tile = Tile::new(level, index, width).unwrap();
        let path = their_tile(tile).path();
        assert_eq!(path, format!("tile/8/{tile}"));
        assert_eq!(Resource::parse(path.strip_prefix("tile/8/").unwrap()), Some(Resource::Tile(tile)));
        assert_eq!(tlog_tiles::Tile::from_path(&format!("tile/8/{tile}")).unwrap(), their_tile(tile));
        let bundle = EntryBundle::new(index, width).unwrap();
        let data = tlog_tiles::Tile::new(8, 0, index, width.into(), true);
        assert_eq!(data.path(), format!("tile/8/{bundle}").replace("entries", "data"));
    }
}

/// Goal: one kind of inclusion proof. Theirs, made by their client from our tiles, equals ours; each side's
/// check accepts the other's and refuses it for another leaf.
#[test]
fn inclusion_proofs_are_equal() {
    for size in SIZES {
        let log = Log::new(size);
        let reader = TileHashReader::new(size, hash(log.root), &log);
        for index in log.places() {
            let leaf = log.leaves[usize::try_from(index).unwrap()];
            let ours = InclusionProof::make(index, size, log.source()).unwrap();
            let made = tlog_tiles::prove_record(size, index, &reader).unwrap();
            assert_eq!(theirs(&ours.hashes), made, "{index} of {size}");
            tlog_tiles::check_record(&made, size, hash(log.root), index, hash(leaf)).unwrap();
            ours.verify(&leaf, &log.root).unwrap();
            let other = Digest::of(&[b"other"]);
            assert!(tlog_tiles::check_record(&made, size, hash(log.root), index, hash(other)).is_err());
            assert!(ours.verify(&other, &log.root).is_err());
        }
    }
}

/// Goal: one kind of consistency proof, as for inclusion.
#[test]
fn consistency_proofs_are_equal() {
    for size in SIZES {
        let log = Log::new(size);
        let reader = TileHashReader::new(size, hash(log.root), &log);
        for from in log.places().filter(|from| *from > 0).chain([size]) {
            let from_root = Frontier::from_tiles(from, log.source()).unwrap().root();
            let ours = ConsistencyProof::make(from, size, log.source()).unwrap();
            let made = tlog_tiles::prove_tree(size, from, &reader).unwrap();
            assert_eq!(theirs(&ours.hashes), made, "{from} to {size}");
            tlog_tiles::check_tree(&made, size, hash(log.root), from, hash(from_root)).unwrap();
            ours.verify(&from_root, &log.root).unwrap();
        }
    }
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&Secret::new([7; 32]))
}

/// Goal: our signed checkpoints are theirs. Their parser and verifier take our note with our verifier key,
/// and refuse it altered.
#[test]
fn they_accept_our_checkpoints() {
    let signer = NoteSigner::new(ORIGIN, signing_key()).unwrap();
    let vkey = signer.verifier().to_string();
    let known = || VerifierList::new(vec![Box::new(StandardVerifier::new(&vkey).unwrap())]);
    for size in [0, 1, 300] {
        let log = if size == 0 { RightEdge::empty().root() } else { Log::new(size).root };
        let mut checkpoint = Checkpoint::new(ORIGIN, size, log);
        if size == 300 {
            checkpoint.extensions = vec!["one".into(), "two".into()];
        }
        let note = checkpoint.sign(&signer).unwrap().to_string();
        let read = Note::from_bytes(note.as_bytes()).unwrap();
        read.verify(&known()).unwrap();
        let parsed = tlog_tiles::Checkpoint::from_bytes(read.text()).unwrap();
        assert_eq!((parsed.origin(), parsed.size(), *parsed.hash()), (ORIGIN, size, hash(log)));
        assert_eq!(parsed.to_bytes(), checkpoint.to_string().into_bytes());
        let altered = note.replace(&format!("\n{size}\n"), &format!("\n{}\n", size + 1));
        assert!(Note::from_bytes(altered.as_bytes()).unwrap().verify(&known()).is_err());
    }
}

/// Goal: their signed checkpoints are ours. Their signer signs their checkpoint; we open it, also beside a
/// signature we do not know.
#[test]
fn we_accept_their_checkpoints() {
    let verifier = VerifierKey::new(ORIGIN, SignatureType::Ed25519, signing_key().public()).unwrap();
    let skey = |name: &str, id: u32, seed: u8| {
        let key = to_base64(&[&[1][..], &[seed; 32]].concat());
        StandardSigner::new(&format!("PRIVATE+KEY+{name}+{}+{key}", to_hex(&id.to_be_bytes()))).unwrap()
    };
    let stranger_key = SigningKey::from_seed(&Secret::new([8; 32])).public();
    let stranger = VerifierKey::new("other.example", SignatureType::Ed25519, stranger_key).unwrap();
    let root = Log::new(700).root;
    let text = tlog_tiles::Checkpoint::new(ORIGIN, 700, hash(root), "").unwrap().to_bytes();
    let mut note = Note::new(&text, &[]).unwrap();
    let (log, other) = (skey(ORIGIN, verifier.id(), 7), skey("other.example", stranger.id(), 8));
    note.add_sigs(&[&other, &log]).unwrap();
    let bytes = note.to_bytes();
    assert_eq!(Checkpoint::open(&bytes, &verifier), Ok(Checkpoint::new(ORIGIN, 700, root)));
    let read = SignedNote::parse(&bytes).unwrap();
    assert_eq!(read.to_string().into_bytes(), bytes);
    assert_eq!(read.verify(&[stranger, verifier]).unwrap().len(), 2);
}
