//! One part of a verification, repeated as often as told: what `bench/instructions` runs under valgrind.
//! Arguments: part, repetitions.

mod instance;

use std::hint::black_box;

use aegis_core::json::parse;
use aegis_core::time::Timestamp;
use aegis_passport::document::SignedPassport;
use aegis_passport::verify::Ask;

/// Whatever is asked: what it costs is the question.
const INSTANT: Timestamp = Timestamp::from_seconds(1_900_000_000);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(part), Some(Ok(count))) = (arguments.next(), arguments.next().map(|text| text.parse::<u32>()))
    else {
        // Also run by `cargo bench` and `cargo test`, without arguments of ours.
        return Ok(());
    };
    let mut instance = instance::Instance::open()?;
    let document = instance.issue()?;
    // Once, so that the signature counts as proven and every page is there.
    instance.verify(&document)?;
    let json = parse(&document, 64)?;
    for _ in 0..count {
        match part.as_str() {
            "parse" => _ = black_box(parse(black_box(&document), 64)),
            "read" => _ = black_box(SignedPassport::read(black_box(&json))),
            "registry" => _ = black_box(instance.registry.verify(black_box(&json), &Ask::now(INSTANT))),
            "http" => _ = black_box(instance.verify(black_box(&document))?),
            "issue" => _ = black_box(instance.issue()?),
            other => return Err(format!("there is no part {other}").into()),
        }
    }
    // Without an orderly end, which takes its own time.
    std::process::exit(0);
}
