//! What one verification costs, part by part, over the contract's example passport. `cargo bench -p aegis-passport`.
//!
//! The fastest and the median of many short batches: on a shared machine the fastest is the cost of the work, the
//! median shows how busy the machine was.
#![expect(clippy::print_stdout, reason = "a measurement prints its result")]

use std::hint::black_box;
use std::time::Instant;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::PublicKey;
use aegis_core::encoding::from_hex;
use aegis_core::json::{Json, parse};
use aegis_core::time::Timestamp;
use aegis_passport::document::SignedPassport;
use aegis_passport::facts::{Facts, Freshness, Registered, StatusRecord};
use aegis_passport::keys::{KeyBook, KeyRecord, Purpose};
use aegis_passport::profile;
use aegis_passport::verify::{Ask, Proven, judge};

const VECTOR: &str = include_str!("../../../vectors/passport/v1.json");

fn facts(passport: &SignedPassport) -> Facts<'static> {
    let document = passport.passport();
    Facts {
        registered: Some(Registered {
            body_digest: passport.body_digest(),
            lineage_hash: document.audit_lineage_hash,
            document_digest: Some(*passport.digest()),
            log_index: Some(1),
            logged_at: Some(document.issued_at),
        }),
        status: StatusRecord::default(),
        freshness: Freshness { fresh: true, as_of: document.issued_at, age_seconds: 0, sequence: 1 },
        ancestors: &[],
        pins: None,
        withdrawn_packs: &[],
        packs_outdated: false,
        attester_compromised_at: None,
    }
}

const BATCHES: usize = 5_000;
const BATCH: u32 = 20;

fn measure<T>(name: &str, mut work: impl FnMut() -> T) {
    let mut micros: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                black_box(work());
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH)
        })
        .collect();
    micros.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| micros.get(index).copied().unwrap_or_default();
    println!("{name:60} {:8.2} us fastest {:8.2} us median", at(0), at(BATCHES / 2));
}

fn main() {
    let Ok(vector) = parse(VECTOR.as_bytes(), 8) else { return };
    let Some(document) = vector.get("passport") else { return };
    let Ok(signed) = SignedPassport::read(document) else { return };
    let text = signed.canonical();
    let shuffled = VECTOR.split_once("\"passport\": ").map_or("", |(_, rest)| rest);
    let shuffled = shuffled.split_once("\n  }").map_or(String::new(), |(object, _)| format!("{object}}}"));
    let hex = vector.get("key").and_then(|key| key.get("public_key_hex")).and_then(Json::as_str);
    let Some(public) = hex.and_then(from_hex).and_then(|bytes| PublicKey::from_bytes(&bytes).ok()) else {
        return;
    };
    let record = KeyRecord::activated(public, Purpose::Passport, Timestamp::from_seconds(0), None);
    let keys = KeyBook::new(signed.passport().issuer.clone(), [record]);
    let facts = facts(&signed);
    let ask = Ask::now(signed.passport().issued_at);
    let read = |text: &[u8]| parse(text, 32).ok().and_then(|json| SignedPassport::read(&json).ok());

    measure("strict JSON", || parse(black_box(text), 32).is_ok());
    measure("profile and canonical bytes", || profile::canonical(black_box(document)).map(|c| c.len()));
    measure("SHA-256 of the canonical bytes", || Digest::of(&[black_box(text)]));
    measure("the two above and members, of JSON already parsed", || {
        SignedPassport::read(black_box(document)).is_ok()
    });
    measure("JSON, profile, canonical bytes, members, digest", || read(black_box(text)).is_some());
    if read(shuffled.as_bytes()).is_some() {
        measure("the same, members unsorted and indented", || read(black_box(shuffled.as_bytes())).is_some());
    }
    measure("signature", || black_box(&signed).verify_signature(&public));
    measure("steps 3, 4 and 6-14", || {
        let key = keys.find_for(black_box(&signed).passport()).ok()?;
        Some(judge(Proven::remembered(&signed, key), &facts, &ask).valid)
    });
    println!("signature backend: {}", aegis_core::crypto::sign::backend());
}
