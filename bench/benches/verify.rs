//! One verification, part by part and without HTTP. `cargo bench -p aegis-bench`.

mod instance;

use std::hint::black_box;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::PublicKey;
use aegis_core::encoding::from_hex;
use aegis_core::json::{Json, parse};
use aegis_passport::document::SignedPassport;
use aegis_passport::verify::Ask;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const VECTOR: &str = include_str!("../../vectors/passport/v1.json");

fn parts(criterion: &mut Criterion) {
    let Ok(vector) = parse(VECTOR.as_bytes(), 8) else { return };
    let Some(signed) = vector.get("passport").and_then(|json| SignedPassport::read(json).ok()) else {
        return;
    };
    let text = signed.canonical();
    criterion.bench_function("strict JSON", |bencher| bencher.iter(|| parse(black_box(text), 64).is_ok()));
    let Ok(json) = parse(text, 64) else { return };
    criterion.bench_function("profile, canonical bytes, members, digest", |bencher| {
        bencher.iter(|| SignedPassport::read(black_box(&json)).is_ok());
    });
    criterion.bench_function("SHA-256", |bencher| bencher.iter(|| Digest::of(&[black_box(text)])));
    let hex = vector.get("key").and_then(|key| key.get("public_key_hex")).and_then(Json::as_str);
    let Some(raw) = hex.and_then(from_hex::<32>) else { return };
    let (Ok(ours), Ok(theirs)) = (PublicKey::from_bytes(&raw), ed25519_dalek::VerifyingKey::from_bytes(&raw))
    else {
        return;
    };
    let (message, signature) = (signed.message(), *signed.signature());
    let same = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    criterion.bench_function("our strict verify", |bencher| {
        bencher.iter(|| ours.verify(black_box(&message), &signature).is_ok());
    });
    criterion.bench_function("verify_strict of the library (1 / B)", |bencher| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the yardstick is the library's own strict verification"
        )]
        bencher.iter(|| theirs.verify_strict(black_box(&message), &same).is_ok());
    });
}

fn registry(criterion: &mut Criterion) {
    let Ok(mut instance) = instance::Instance::open() else { return };
    let documents: Vec<Vec<u8>> = (0..2_000).filter_map(|_| instance.issue().ok()).collect();
    let Some(repeated) = documents.first() else { return };
    let verdict = |document: &[u8]| {
        let text = parse(document, 64).ok()?;
        // Not asked about now: whether it is valid is not the question, what it costs is.
        Some(
            instance
                .registry
                .verify(&text, &Ask::now(aegis_core::time::Timestamp::from_seconds(1_900_000_000)))
                .1
                .proven,
        )
    };
    criterion.bench_function("Registry::verify, proven before", |bencher| {
        bencher.iter(|| verdict(black_box(repeated)));
    });
    let mut fresh = documents.iter();
    criterion.bench_function("Registry::verify, first seen", |bencher| {
        // A spoilt signature costs the same curve and is never remembered; a thousand real ones would soon be.
        bencher.iter_batched(
            || spoilt(fresh.next().unwrap_or(repeated)),
            |document| verdict(&document),
            BatchSize::SmallInput,
        );
    });
}

/// The document with another last scalar character.
fn spoilt(document: &[u8]) -> Vec<u8> {
    let mut document = document.to_vec();
    let mark: &[u8] = b"\"ed25519:";
    let at = document.windows(mark.len()).position(|window| window == mark).map(|at| at + mark.len() + 50);
    if let Some(byte) = at.and_then(|at| document.get_mut(at)) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    document
}

criterion_group!(benches, parts, registry);
criterion_main!(benches);
