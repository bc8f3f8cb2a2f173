//! Measures what goals.md (Log) asks for: a full offline check in leaves per second and an inclusion proof at
//! 10^8 leaves in microseconds, both in processor time of one thread, on Linux. `cargo bench -p aegis-tlog`.
#![expect(clippy::print_stdout, reason = "a measurement prints its result")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::crypto::digest::Digest;
use aegis_core::time::Timestamp;
use aegis_tlog::checkpoint::Checkpoint;
use aegis_tlog::edge::RightEdge;
use aegis_tlog::leaf::{Opening, Statement};
use aegis_tlog::node::TileNodes;
use aegis_tlog::proof::InclusionProof;
use aegis_tlog::tile::{Resource, Tile};
use aegis_tlog::tree::{leaf_hash, perfect_root};
use aegis_tlog::verify::LogCheck;

const LEAVES: u32 = 2_000_000;
const PROOFS: u32 = 2_000;
const SIZE: u64 = 100_000_000;

fn main() {
    let mut store = BTreeMap::new();
    let entries: Vec<Digest> = (0..LEAVES).map(|n| Digest::of(&[&n.to_be_bytes()])).collect();
    let start = cpu();
    let mut edge = RightEdge::empty();
    for entry in &entries {
        black_box(edge.append(entry.as_bytes()).ok());
    }
    let root = edge.root();
    println!("append: {:.0} leaves/s", f64::from(LEAVES) / cpu().saturating_sub(start).as_secs_f64());
    for write in edge.take_writes() {
        store.insert(write.resource, write.bytes);
    }
    check(&store, root);
    commit();

    // A tree of equal leaves: every full tile of a level is the same, so 10^8 of them fit in memory.
    let mut hashes = vec![leaf_hash(b"")];
    for level in 0..4 {
        hashes.extend(hashes.get(level).and_then(|hash| perfect_root(&[*hash; 256])));
    }
    let tiles: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.as_bytes().repeat(256)).collect();
    let nodes: Vec<Arc<TileNodes>> = tiles.iter().map(|bytes| Arc::new(TileNodes::new(bytes))).collect();
    let bytes_of = |tile: Tile| {
        let wider = tiles.get(usize::from(tile.level())).map_or(&[][..], Vec::as_slice);
        tile.cut(wider).unwrap_or_default().to_vec()
    };
    let kept = |tile: Tile| {
        nodes.get(usize::from(tile.level())).cloned().unwrap_or_else(|| Arc::new(TileNodes::new(&[])))
    };
    time("inclusion proof, all tiles as bytes", |index| {
        InclusionProof::make(index, SIZE, |tile| Ok::<_, Infallible>(bytes_of(tile))).ok()
    });
    time("inclusion proof, level 0 as bytes, higher tiles kept as nodes", |index| {
        InclusionProof::make(index, SIZE, |tile| {
            let cold = tile.level() == 0;
            Ok::<_, Infallible>(if cold { Arc::new(TileNodes::new(&bytes_of(tile))) } else { kept(tile) })
        })
        .ok()
    });
    time("inclusion proof, all tiles kept as nodes", |index| {
        InclusionProof::make(index, SIZE, |tile| Ok::<_, Infallible>(kept(tile))).ok()
    });
}

/// Processor time of this thread, so that a busy machine does not spoil the numbers.
fn cpu() -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(spent.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// What each operation of the kernel pays for its leaf.
fn commit() {
    let start = cpu();
    for n in 0..PROOFS {
        let statement = Statement {
            at: Timestamp::from_seconds(1_778_277_600),
            op: "wallet.open_hold".into(),
            actor: "agent_0196f6a1b2c37d4e8f9a0b1c2d3e4f50".into(),
            subject: "hld_0196f6a1b2c37d4e8f9a0b1c2d3e4f51".into(),
            outcome: "committed".into(),
        };
        let details =
            [("amount", "12.50"), ("asset", "USDC"), ("merchant", "shop.example"), ("memo", "an order")];
        let opening = Opening::commit(statement, [7; 32], &(n, details));
        black_box(opening.map(|opening| opening.commitment().leaf_hash()).ok());
    }
    println!(
        "opening and leaf hash: {:.1} µs",
        cpu().saturating_sub(start).as_secs_f64() * 1e6 / f64::from(PROOFS)
    );
}

fn check(store: &BTreeMap<Resource, Vec<u8>>, root: Digest) {
    let start = cpu();
    let checkpoint = Checkpoint::new("bench.example", u64::from(LEAVES), root);
    let sound = LogCheck::run(&checkpoint, |resource| store.get(&resource).cloned().ok_or(Missing)).is_ok();
    println!(
        "full check: {:.0} leaves/s, sound: {sound}",
        f64::from(LEAVES) / cpu().saturating_sub(start).as_secs_f64()
    );
}

#[derive(Debug, thiserror::Error)]
#[error("missing")]
struct Missing;

fn time(name: &str, mut make: impl FnMut(u64) -> Option<InclusionProof>) {
    let start = cpu();
    for n in 0..PROOFS {
        let index = u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) % SIZE;
        black_box(make(index));
    }
    println!("{name}: {:.1} µs", cpu().saturating_sub(start).as_secs_f64() * 1e6 / f64::from(PROOFS));
}
