//! Verification in the registry and over HTTP, and one durable issuance. `cargo bench -p aegis-bench`.

mod instance;

use std::hint::black_box;

use aegis_core::json::parse;
use aegis_passport::verify::Ask;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

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

fn http(criterion: &mut Criterion) {
    let Ok(mut instance) = instance::Instance::open() else { return };
    let Ok(document) = instance.issue() else { return };
    criterion.bench_function("verify over HTTP, one client, proven before", |bencher| {
        bencher.iter(|| instance.verify(black_box(&document)).map_err(|error| error.to_string()));
    });
    criterion.bench_function("issue over HTTP, one client, durable on SQLite", |bencher| {
        bencher.iter(|| instance.issue().map_err(|error| error.to_string()));
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

criterion_group!(benches, registry, http);
criterion_main!(benches);
