//! One verification, part by part. `cargo bench -p aegis-bench`.

use std::hint::black_box;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::PublicKey;
use aegis_core::encoding::from_hex;
use aegis_core::json::{Json, parse};
use aegis_passport::document::SignedPassport;
use criterion::{Criterion, criterion_group, criterion_main};

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

criterion_group!(benches, parts);
criterion_main!(benches);
