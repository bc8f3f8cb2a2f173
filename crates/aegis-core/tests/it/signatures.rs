//! Published Ed25519 vectors: what must hold holds, what must not does not.

use aegis_core::crypto::sign::{PreparedKey, PublicKey, Signature, SigningKey};
use aegis_core::encoding::from_hex;
use aegis_core::secret::Secret;
use serde_json::Value;

const RFC_8032: &str = include_str!("../../../../vectors/ed25519/rfc8032.json");
const WYCHEPROOF: &str = include_str!("../../../../vectors/ed25519/wycheproof.json");
const SPECCHECK: &str = include_str!("../../../../vectors/ed25519/speccheck.json");

/// Key, message and signature of one published case, with what strictness demands of it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) key: [u8; 32],
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) holds: bool,
}

pub(crate) fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes().as_chunks::<2>().0;
    digits.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Every published case of the three sets.
pub(crate) fn published() -> Vec<Case> {
    let mut cases = Vec::new();
    for case in serde_json::from_str::<Value>(RFC_8032).unwrap().as_array().unwrap() {
        cases.push(Case {
            name: format!("RFC 8032 {}", case["name"]),
            key: hex(&case["public_key"]).try_into().unwrap(),
            message: hex(&case["message"]),
            signature: hex(&case["signature"]),
            holds: true,
        });
    }
    let wycheproof: Value = serde_json::from_str(WYCHEPROOF).unwrap();
    for group in wycheproof["testGroups"].as_array().unwrap() {
        for case in group["tests"].as_array().unwrap() {
            cases.push(Case {
                name: format!("Wycheproof {}", case["tcId"]),
                key: hex(&group["publicKey"]["pk"]).try_into().unwrap(),
                message: hex(&case["msg"]),
                signature: hex(&case["sig"]),
                holds: case["result"] == "valid",
            });
        }
    }
    for (index, case) in
        serde_json::from_str::<Value>(SPECCHECK).unwrap().as_array().unwrap().iter().enumerate()
    {
        cases.push(Case {
            name: format!("speccheck {index}"),
            key: hex(&case["pub_key"]).try_into().unwrap(),
            message: hex(&case["message"]),
            signature: hex(&case["signature"]),
            // Mixed-order key and R that satisfy the plain equation; every other case breaks a strict rule.
            holds: index == 3,
        });
    }
    cases
}

/// Our verdict, which a key prepared in advance must share, wherever the message is cut; a signature that is not
/// 64 bytes long has no value of our type at all.
pub(crate) fn ours(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (PublicKey::from_bytes(key), signature.try_into()) else { return false };
    let signature = Signature::from_bytes(signature);
    let verdict = key.verify(message, &signature).is_ok();
    let (before, after) = message.split_at(message.len() / 2);
    let prepared = PreparedKey::new(key).verify(&[before, after], &signature).is_ok();
    assert_eq!(prepared, verdict, "the prepared key {key:?} differs on {signature:?}");
    verdict
}

/// All published verdicts of the three sets, case by case.
#[test]
fn published_verdicts() {
    let cases = published();
    assert_eq!(cases.len(), 5 + 151 + 12);
    for case in &cases {
        assert_eq!(ours(&case.key, &case.message, &case.signature), case.holds, "{}", case.name);
    }
}

/// RFC 8032 §7.1: the seeds give the keys, and signing gives the signatures.
#[test]
fn signing_is_deterministic() {
    for case in serde_json::from_str::<Value>(RFC_8032).unwrap().as_array().unwrap() {
        let seed = from_hex(case["seed"].as_str().unwrap()).unwrap();
        let key = SigningKey::from_seed(&Secret::new(seed));
        assert_eq!(key.public().as_bytes().as_slice(), hex(&case["public_key"]), "{}", case["name"]);
        let signature = key.sign(&hex(&case["message"]));
        assert_eq!(signature.as_bytes().as_slice(), hex(&case["signature"]), "{}", case["name"]);
    }
}
