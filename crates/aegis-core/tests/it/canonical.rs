//! RFC 8785: the six published files and the published number sequence.

use aegis_core::canonical::to_bytes;
use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::to_hex;
use aegis_core::json::parse;

macro_rules! published {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../../vectors/jcs/input/", $name, ".json")).as_slice(),
            include_bytes!(concat!("../../../../vectors/jcs/output/", $name, ".json")).as_slice(),
            include_str!(concat!("../../../../vectors/jcs/outhex/", $name, ".txt")),
        )
    };
}

/// Each file, read by our strict reader, has the published canonical form; so has that form itself.
#[test]
fn six_published_files() {
    for (name, input, output, hex) in [
        published!("arrays"),
        published!("french"),
        published!("structures"),
        published!("unicode"),
        published!("values"),
        published!("weird"),
    ] {
        let bytes = to_bytes(&parse(input, 64).unwrap()).unwrap();
        assert_eq!(bytes, output, "{name}");
        assert_eq!(to_hex(&bytes), hex.split_whitespace().collect::<String>(), "{name}");
        assert_eq!(to_bytes(&parse(output, 64).unwrap()).unwrap(), output, "{name}");
    }
}

const STATIC: &str = include_str!("../../../../vectors/jcs/static_numbers.txt");

/// The published sequence: chosen edge cases, the 2,000 smallest normal doubles, then a SHA-256 chain.
fn sequence() -> impl Iterator<Item = u64> {
    let edges = STATIC.lines().map(|line| u64::from_str_radix(line, 16).unwrap());
    let serial = (0..2000).map(|n| 0x0010_0000_0000_0000 + n);
    let blocks =
        std::iter::successors(Some(Digest::of(&[&[0; 32]])), |block| Some(Digest::of(&[block.as_bytes()])));
    let chain = blocks.flat_map(|block| {
        let (words, _) = block.as_bytes().as_chunks::<8>();
        words.iter().map(|word| u64::from_le_bytes(*word)).collect::<Vec<_>>()
    });
    let finite = chain.filter(|bits| f64::from_bits(*bits).is_finite() && f64::from_bits(*bits) != 0.0);
    edges.chain(serial).chain(finite)
}

/// The first 1,000 and 1,000,000 numbers of the sequence are written as published, by their hash.
#[test]
fn published_number_sequence() {
    let mut lines = Vec::with_capacity(41_000_000);
    for (count, bits) in (1..=1_000_000).zip(sequence()) {
        lines.extend_from_slice(format!("{bits:x},").as_bytes());
        lines.extend_from_slice(&to_bytes(&f64::from_bits(bits)).unwrap());
        lines.push(b'\n');
        let expected = match count {
            1_000 => "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687",
            1_000_000 => "49415fee2c56c77864931bd3624faad425c3c577d6d74e89a83bc725506dad16",
            _ => continue,
        };
        assert_eq!(Digest::of(&[&lines]).to_hex(), expected, "{count} lines");
    }
}

/// A number read in any spelling is written in the one canonical spelling: shortest and with 17 digits, both
/// come back as the published text (first 20,000 of the sequence).
#[test]
fn spelling_does_not_matter() {
    for bits in sequence().take(20_000) {
        let number = f64::from_bits(bits);
        let expected = to_bytes(&number).unwrap();
        for spelling in [format!("{number:e}"), format!("{number:.17e}")] {
            let written = to_bytes(&parse(spelling.as_bytes(), 1).unwrap()).unwrap();
            assert_eq!(written, expected, "{spelling}");
        }
    }
}
