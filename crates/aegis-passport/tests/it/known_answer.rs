//! The vector of `vectors/passport/v1.json`, byte for byte (invariant 2 of the Identity contract).

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::{PublicKey, SigningKey};
use aegis_core::encoding::{from_hex, to_hex};
use aegis_core::json::{Json, parse};
use aegis_core::secret::Secret;
use aegis_passport::bundle::{PackName, PackVersion, PinnedPack, bundle_digest};
use aegis_passport::document::SignedPassport;
use aegis_passport::ids::{AgentKey, KeyId};
use aegis_passport::lineage::{Entry, Head, check_chain};

const VECTOR: &str = include_str!("../../../../vectors/passport/v1.json");

fn at<'v>(json: &'v Json<'_>, path: &[&str]) -> &'v str {
    path.iter().fold(json, |json, name| json.get(name).unwrap()).as_str().unwrap()
}

fn signing_key(vector: &Json<'_>) -> SigningKey {
    SigningKey::from_seed(&Secret::new(from_hex(at(vector, &["key", "seed_hex"])).unwrap()))
}

/// Reading the document gives the vector's bytes and digests, and its signature holds.
#[test]
fn reading_reproduces_every_byte() {
    let vector = parse(VECTOR.as_bytes(), 8).unwrap();
    let signed = SignedPassport::read(vector.get("passport").unwrap()).unwrap();
    assert_eq!(signed.message().len(), 937);
    assert_eq!(to_hex(&signed.message()), at(&vector, &["signed", "canonical_hex"]));
    assert_eq!(
        Digest::of(&[&signed.message()]).to_hex(),
        "f170792e64d95a1dfceb16d4020a2b91c5b66b072caed74cab1b1377166c702c"
    );
    assert_eq!(to_hex(signed.canonical()), at(&vector, &["full", "canonical_hex"]));
    assert_eq!(signed.digest().to_hex(), at(&vector, &["full", "sha256"]));
    let body = "sha256:b172c9a13067c8b58e7d95755243cbcb9a89028d0ff64fe75208d61ddddb5bfe";
    assert_eq!(signed.body_digest().to_string(), body);
    assert_eq!(signed.passport().body_digest().to_string(), body);
    let public = from_hex(at(&vector, &["key", "public_key_hex"])).unwrap();
    let public = PublicKey::from_bytes(&public).unwrap();
    assert_eq!(KeyId::of(&public), signed.passport().key_id);
    assert_eq!(
        AgentKey::from_bytes(*public.as_bytes()).to_string(),
        at(&vector, &["key", "public_key_multibase"])
    );
    signed.verify_signature(&public).unwrap();
}

/// Signing what was read gives the same signature and the same bytes: writing agrees with reading.
#[test]
fn signing_reproduces_the_document() {
    let vector = parse(VECTOR.as_bytes(), 8).unwrap();
    let read = SignedPassport::read(vector.get("passport").unwrap()).unwrap();
    let signed = read.passport().clone().sign(&signing_key(&vector));
    assert_eq!(to_hex(signed.signature().as_bytes()), at(&vector, &["signature_hex"]));
    assert_eq!(signed, read);
}

/// The lineage entry's bytes and hash, alone and as a chain of one.
#[test]
fn lineage_entry_has_the_known_hash() {
    let vector = parse(VECTOR.as_bytes(), 8).unwrap();
    let entry = Entry::read(vector.get("lineage").unwrap().get("entry").unwrap()).unwrap();
    assert_eq!(to_hex(&entry.canonical()), at(&vector, &["lineage", "canonical_hex"]));
    let hash = "sha256:7a992b96a20e5c9a3694e9031363f74aed81c547b0ba87a1dff0994f845c3b90";
    assert_eq!(entry.hash().to_string(), hash);
    let head = Head { seq: 1, hash: Digest::parse(hash).unwrap() };
    assert_eq!(check_chain(entry.agent_id, &[entry]), Ok(head));
}

/// The packs of the vector pin to the digest the passport carries.
#[test]
fn packs_pin_to_the_known_digest() {
    let vector = parse(VECTOR.as_bytes(), 8).unwrap();
    let packs: Vec<PinnedPack> = vector
        .get("packs")
        .unwrap()
        .items()
        .unwrap()
        .iter()
        .map(|pack| {
            let sha256 = Digest::of(&[at(pack, &["content"]).as_bytes()]);
            assert_eq!(sha256.to_hex(), at(pack, &["sha256"]));
            PinnedPack {
                name: PackName::parse(at(pack, &["name"])).unwrap(),
                version: PackVersion::parse(at(pack, &["version"])).unwrap(),
                sha256,
            }
        })
        .collect();
    assert_eq!(bundle_digest(&packs).to_string(), at(&vector, &["policy_bundle_digest"]));
}
