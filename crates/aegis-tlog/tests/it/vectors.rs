//! Known answers in `vectors/tlog`, written by others or by the second implementation in
//! `conformance/log`.

use std::path::Path;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::SigningKey;
use aegis_core::encoding::to_hex;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_tlog::checkpoint::Checkpoint;
use aegis_tlog::cosignature::Cosigner;
use aegis_tlog::edge::RightEdge;
use aegis_tlog::leaf::Opening;
use aegis_tlog::node::TileNodes;
use aegis_tlog::note::{NoteRefused, NoteSigner, SignedNote, VerifierKey};
use aegis_tlog::policy::Policy;
use aegis_tlog::proof::{ConsistencyProof, InclusionProof};
use aegis_tlog::tile::Resource;
use aegis_tlog::tlogproof::TlogProof;
use serde_json::Value;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/tlog").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn digest(value: &Value) -> Option<Digest> {
    Digest::parse_hex(value.as_str()?)
}

fn digests(value: &Value) -> Option<Vec<Digest>> {
    list(value).iter().map(digest).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    let hex = text(value).as_bytes();
    hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The reference tree of Certificate Transparency: every root and every proof of its eight leaves.
#[test]
fn reference_tree() {
    let vector = read("reference_tree.json");
    let mut edge = RightEdge::empty();
    let roots = digests(&vector["roots"]).unwrap();
    assert_eq!(edge.root(), roots[0]);
    let mut leaves = Vec::new();
    for (leaf, root) in list(&vector["leaves"]).iter().zip(&roots[1..]) {
        leaves.push(edge.append(&bytes(leaf)).unwrap());
        assert_eq!(edge.root(), *root);
    }
    let writes = edge.take_writes();
    let tile = writes.iter().find(|write| matches!(write.resource, Resource::Tile(_))).unwrap();
    let nodes = |_| Ok::<_, std::convert::Infallible>(TileNodes::new(&tile.bytes));
    let root = |size: u64| &roots[usize::try_from(size).unwrap()];
    for case in list(&vector["inclusion"]) {
        let (index, size) = (case["index"].as_u64().unwrap(), case["size"].as_u64().unwrap());
        let proof = InclusionProof::make(index, size, nodes).unwrap();
        assert_eq!(Some(&proof.hashes), digests(&case["hashes"]).as_ref(), "{case}");
        proof.verify(&leaves[usize::try_from(index).unwrap()], root(size)).unwrap();
    }
    for case in list(&vector["consistency"]) {
        let (from, to) = (case["from"].as_u64().unwrap(), case["to"].as_u64().unwrap());
        let proof = ConsistencyProof::make(from, to, nodes).unwrap();
        assert_eq!(Some(&proof.hashes), digests(&case["hashes"]).as_ref(), "{case}");
        proof.verify(root(from), root(to)).unwrap();
    }
}

/// The good and the bad inclusion proofs of transparency-dev/merkle: the same verdict on each.
#[test]
fn inclusion_probes() {
    for case in list(&read("inclusion.json")["cases"]) {
        let verified = (|| {
            let hashes = digests(&case["hashes"])?;
            let (index, size) = (case["index"].as_u64()?, case["size"].as_u64()?);
            let proof = InclusionProof { index, size, hashes };
            proof.verify(&digest(&case["leaf_hash"])?, &digest(&case["root"])?).ok()
        })();
        assert_eq!(verified.is_some(), case["valid"].as_bool().unwrap(), "{case}");
    }
}

/// The good and the bad consistency proofs of transparency-dev/merkle: the same verdict on each. Proofs from
/// the empty tree are left out: RFC 9162 does not define them, and c2sp.org/tlog-witness accepts the empty
/// one where that library refuses it. So is a proof between equal roots that are no SHA-256 hashes.
#[test]
fn consistency_probes() {
    let mut judged = 0;
    for case in list(&read("consistency.json")["cases"]) {
        let verified = (|| {
            let hashes = digests(&case["hashes"])?;
            let (from, to) = (case["from"].as_u64()?, case["to"].as_u64()?);
            let proof = ConsistencyProof { from, to, hashes };
            proof.verify(&digest(&case["from_root"])?, &digest(&case["to_root"])?).ok()
        })();
        let from_nothing = case["from"].as_u64() == Some(0) && list(&case["hashes"]).is_empty();
        if from_nothing || digest(&case["to_root"]).is_none() {
            continue;
        }
        assert_eq!(verified.is_some(), case["valid"].as_bool().unwrap(), "{case}");
        judged += 1;
    }
    assert!(judged >= 80, "{judged}");
}

/// The example of the signed-note specification holds under its key, and not when altered.
#[test]
fn signed_note_example() {
    let vector = read("signed_note.json");
    let key = VerifierKey::parse(text(&vector["vkey"])).unwrap();
    assert_eq!(key.to_string(), text(&vector["vkey"]));
    let note = SignedNote::parse(text(&vector["note"]).as_bytes()).unwrap();
    assert_eq!(note.to_string(), text(&vector["note"]));
    assert_eq!(note.text(), "This is an example message.\n");
    note.verify(std::slice::from_ref(&key)).unwrap();
    let altered = SignedNote::parse(text(&vector["note"]).replace("example m", "Example m").as_bytes());
    assert_eq!(altered.unwrap().verify(&[key]), Err(NoteRefused::BadSignature("example.com/foo".into())));
}

/// Openings written by the Python implementation: same text, entry and leaf hash.
#[test]
fn openings() {
    for case in list(&read("aegis.json")["openings"]) {
        let opening = Opening::parse(text(&case["opening"]).as_bytes()).unwrap();
        assert_eq!(opening.to_json(), text(&case["opening"]));
        assert_eq!(to_hex(opening.commitment().entry().as_bytes()), text(&case["entry"]));
        assert_eq!(opening.check(&digest(&case["leaf_hash"]).unwrap()), Ok(()));
    }
}

/// Roots around the tile boundaries, computed by the Python implementation without tiles.
#[test]
fn roots() {
    let vector = read("aegis.json");
    let mut edge = RightEdge::empty();
    let mut seen = 0;
    for n in 0..=65_537_u64 {
        if let Some(root) = vector["roots"].get(n.to_string()) {
            assert_eq!(Some(edge.root()), digest(root), "size {n}");
            seen += 1;
        }
        edge.append(&n.to_be_bytes()).unwrap();
    }
    assert_eq!(seen, vector["roots"].as_object().unwrap().len());
}

/// The checkpoint, signed and cosigned by Python, is byte for byte the one we sign and cosign.
#[test]
fn checkpoint() {
    let vector = read("aegis.json");
    let key = |role: &str| {
        let seed = u8::try_from(vector[role]["seed_byte"].as_u64().unwrap()).unwrap();
        SigningKey::from_seed(&Secret::new([seed; 32]))
    };
    let name = |role: &str| VerifierKey::parse(text(&vector[role]["vkey"])).unwrap().name().to_owned();
    let log = NoteSigner::new(&name("log"), key("log")).unwrap();
    let witness = Cosigner::new(&name("witness"), key("witness")).unwrap();
    assert_eq!(log.verifier().to_string(), text(&vector["log"]["vkey"]));
    assert_eq!(witness.verifier().to_string(), text(&vector["witness"]["vkey"]));
    let stated = &vector["checkpoint"];
    let root = digest(&stated["root"]).unwrap();
    let checkpoint = Checkpoint::new(&name("log"), stated["size"].as_u64().unwrap(), root);
    let mut note = checkpoint.sign(&log).unwrap();
    let at = Timestamp::from_seconds(vector["witness"]["at"].as_i64().unwrap());
    note.add(witness.cosign(&checkpoint.to_string(), at)).unwrap();
    assert_eq!(note.to_string(), text(&stated["note"]));
}

/// The proofs written by Python hold under the policy beside them; without the witness they do not.
#[test]
fn tlog_proofs() {
    let vector = read("aegis.json");
    let policy = Policy::parse(text(&vector["policy"]).as_bytes()).unwrap();
    for proof in list(&vector["tlog_proofs"]) {
        let read = TlogProof::parse(text(proof).as_bytes()).unwrap();
        assert_eq!(read.to_string(), text(proof));
        let (opening, trusted) = read.verify_opening(&policy).unwrap();
        assert_eq!(trusted.quorum_at.map(Timestamp::as_seconds), vector["witness"]["at"].as_i64());
        assert_eq!(opening.commitment().statement.subject, format!("agent_{}", read.index));
        let unwitnessed: String =
            text(proof).lines().filter(|line| !line.contains("witness")).collect::<Vec<_>>().join("\n");
        let unwitnessed = TlogProof::parse(format!("{unwitnessed}\n").as_bytes()).unwrap();
        assert!(unwitnessed.verify_opening(&policy).is_err());
    }
}
