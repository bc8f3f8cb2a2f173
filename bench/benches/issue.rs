//! One issuance by one client, durable, over HTTP on loopback: the disk's part included. `cargo bench -p aegis-bench`.

mod instance;

use criterion::{Criterion, criterion_group, criterion_main};

fn issue(criterion: &mut Criterion) {
    let Ok(mut instance) = instance::Instance::open() else { return };
    criterion.bench_function("issue, one client, SQLite", |bencher| {
        bencher.iter(|| instance.issue().map_err(|error| error.to_string()));
    });
    let document = instance.issue().unwrap_or_default();
    criterion.bench_function("read the issued document's verdict", |bencher| {
        let text = aegis_core::json::parse(&document, 64);
        bencher.iter(|| text.as_ref().map(|text| instance.registry.verify(text, &ask()).1.valid));
    });
}

fn ask() -> aegis_passport::verify::Ask {
    aegis_passport::verify::Ask::now(aegis_core::time::Timestamp::from_seconds(1_800_000_000))
}

criterion_group!(benches, issue);
criterion_main!(benches);
