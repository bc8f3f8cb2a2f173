//! The witness role: other logs are cosigned forward only, and what was answered is remembered.

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::SigningKey;
use aegis_core::secret::Secret;
use aegis_kernel::audit::witness::{Witnessing, add_checkpoint, find_cosigned};
use aegis_testkit::backend::TestDatabase;
use aegis_tlog::checkpoint::Checkpoint;
use aegis_tlog::note::{NoteSigner, SignedNote, VerifierKey};
use aegis_tlog::proof::ConsistencyProof;
use aegis_tlog::tree::{Frontier, leaf_hash};
use aegis_tlog::witness::{AddCheckpoint, WitnessRefused};

use super::fixture::{START, begin, end, kernel_on};

const OTHER: &str = "other.example/log";

/// A request for a tree of `size` equal leaves after one of `old`, with the proof that small trees need.
fn request(signer: &NoteSigner, old: u64, size: u64, hashes: Vec<Digest>) -> Vec<u8> {
    let mut tree = Frontier::empty();
    for _ in 0..size {
        tree.append(leaf_hash(b"x"));
    }
    let note = Checkpoint::new(OTHER, size, tree.root()).sign(signer).unwrap();
    let proof = ConsistencyProof { from: old, to: size, hashes };
    AddCheckpoint::new(&proof, note).unwrap().to_string().into_bytes()
}

/// Goal: a witness never goes back, not even over a restart. Method: grow, repeat, shrink, fork and forget.
pub(crate) async fn a_log_is_cosigned_forward_only(database: &TestDatabase) {
    let kernel = begin(database).await;
    let signer = NoteSigner::new(OTHER, SigningKey::from_seed(&Secret::new([5; 32]))).unwrap();
    let stranger = NoteSigner::new(OTHER, SigningKey::from_seed(&Secret::new([6; 32]))).unwrap();
    let witnessing = Witnessing::new("log.example/witness".to_owned(), vec![signer.verifier().clone()]);
    let nobody = Witnessing::new("log.example/witness".to_owned(), Vec::new());
    let leaf = leaf_hash(b"x");
    let add = async |witnessing: &Witnessing, body: Vec<u8>| {
        add_checkpoint(&kernel, witnessing, &body).await.unwrap()
    };

    let first = request(&signer, 0, 1, Vec::new());
    assert_eq!(add(&nobody, first.clone()).await, Err(WitnessRefused::UnknownOrigin));
    assert_eq!(add(&witnessing, b"old x\n".to_vec()).await, Err(WitnessRefused::Malformed));
    let forged = request(&stranger, 0, 1, Vec::new());
    assert_eq!(add(&witnessing, forged).await, Err(WitnessRefused::BadSignature));
    let line = add(&witnessing, first.clone()).await.unwrap();
    assert!(line.starts_with("— log.example/witness ") && line.ends_with('\n'), "{line}");
    assert_eq!(add(&witnessing, first).await, Err(WitnessRefused::Conflict { size: 1 }));

    let unproven = request(&signer, 1, 2, vec![Digest::ZERO]);
    assert_eq!(add(&witnessing, unproven).await, Err(WitnessRefused::BadProof));
    let smaller = request(&signer, 2, 1, Vec::new());
    assert_eq!(add(&witnessing, smaller).await, Err(WitnessRefused::OldSizeTooLarge));
    add(&witnessing, request(&signer, 1, 2, vec![leaf])).await.unwrap();
    let vkey = witnessing.verifier(&kernel).await.unwrap();
    end(kernel).await;

    let kernel = kernel_on(database.reopen(), START, 2).await;
    let again = add_checkpoint(&kernel, &witnessing, &request(&signer, 1, 2, vec![leaf])).await.unwrap();
    assert_eq!(again, Err(WitnessRefused::Conflict { size: 2 }));
    assert_eq!(witnessing.verifier(&kernel).await.unwrap(), vkey, "the key outlives a restart");
    let kept = kernel.parts().store.read(|tx| find_cosigned(tx, OTHER)).await.unwrap().unwrap();
    let kept = SignedNote::parse(kept.as_bytes()).unwrap();
    let keys = [signer.verifier().clone(), VerifierKey::parse(&vkey).unwrap()];
    assert_eq!(kept.verify(&keys).unwrap().len(), 2);
}
