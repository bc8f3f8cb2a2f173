//! What one verification costs, part by part, over the contract's example passport.

use std::hint::black_box;

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
use criterion::{Criterion, criterion_group, criterion_main};

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

fn passport(bench: &mut Criterion) {
    let Ok(vector) = parse(VECTOR.as_bytes(), 8) else { return };
    let Some(document) = vector.get("passport") else { return };
    let text = serde_json::to_vec(&document.to_value()).unwrap_or_default();
    let Ok(signed) = SignedPassport::read(document) else { return };
    let hex = vector.get("key").and_then(|key| key.get("public_key_hex")).and_then(Json::as_str);
    let Some(public) = hex.and_then(from_hex).and_then(|bytes| PublicKey::from_bytes(&bytes).ok()) else {
        return;
    };
    let record = KeyRecord::activated(public, Purpose::Passport, Timestamp::from_seconds(0), None);
    let keys = KeyBook::new(signed.passport().issuer.clone(), [record]);
    let facts = facts(&signed);
    let ask = Ask::now(signed.passport().issued_at);

    bench.bench_function("json", |b| b.iter(|| parse(black_box(&text), 32).is_ok()));
    bench.bench_function("canonical", |b| b.iter(|| profile::canonical(black_box(document)).map(|c| c.len())));
    bench.bench_function("sha256", |b| b.iter(|| Digest::of(&[black_box(signed.canonical())])));
    bench.bench_function("read (json, profile, members, canonical, digest)", |b| {
        b.iter(|| parse(black_box(&text), 32).ok().and_then(|json| SignedPassport::read(&json).ok()));
    });
    bench.bench_function("signature", |b| b.iter(|| black_box(&signed).verify_signature(&public)));
    bench.bench_function("judge", |b| {
        b.iter(|| {
            let key = keys.find_for(black_box(&signed).passport()).ok()?;
            Some(judge(Proven::remembered(&signed, key), &facts, &ask).valid)
        });
    });
}

criterion_group!(benches, passport);
criterion_main!(benches);
