//! SHA-256 (FIPS 180-4) and its `sha256:` text form; Keccak-256 as Ethereum uses it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::encoding::{from_hex, to_hex};

/// The 32 bytes of a SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Thirty-two zero bytes: the `prev` of the first entry of a chain.
    pub const ZERO: Digest = Digest([0; 32]);

    /// Hashes the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Digest {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Digest(hasher.finalize().into())
    }

    /// Takes 32 bytes that already are a hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The raw 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Sixty-four lower-case hexadecimal characters.
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }

    /// Parses sixty-four lower-case hexadecimal characters.
    pub fn parse_hex(text: &str) -> Option<Digest> {
        from_hex(text).map(Digest)
    }

    /// Parses the `sha256:` + 64 lower-case hex form used in documents.
    pub fn parse(text: &str) -> Option<Digest> {
        Digest::parse_hex(text.strip_prefix("sha256:")?)
    }
}

/// Writes the `sha256:` + 64 lower-case hex form.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Keccak-256 with the padding from before FIPS 202, the hash of Ethereum. For what that world defines by it,
/// such as the letter case of addresses; our own commitments are SHA-256.
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    sha3::Keccak256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 example "abc", whole and in parts, and back from its text form.
    #[test]
    fn hashes_the_standard_example() {
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(&[b"abc"]).to_string(), expected);
        assert_eq!(Digest::of(&[b"a", b"", b"bc"]), Digest::of(&[b"abc"]));
        assert_eq!(Digest::parse(expected), Some(Digest::of(&[b"abc"])));
        assert_eq!(Digest::parse(&expected.to_uppercase()), None);
        assert_eq!(Digest::parse("sha256:00"), None);
    }

    /// The hash of nothing as Ethereum's documents print it, which is not SHA3-256 of nothing.
    #[test]
    fn keccak_is_the_old_one() {
        let expected = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(to_hex(&keccak256(b"")), expected);
    }
}
