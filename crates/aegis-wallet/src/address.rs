//! Addresses and transaction hashes as people and chains write them.

use std::fmt;

use aegis_core::crypto::digest::keccak256;
use aegis_core::encoding::{from_hex, to_hex};

/// The twenty bytes that name an account or a contract. Always written with the letter case of EIP-55.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

/// What the letter case of an address says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterCase {
    /// All letters alike (or none): no checksum was given.
    Plain,
    /// Mixed, and the checksum of EIP-55 holds.
    Checksummed,
    /// Mixed, and the checksum does not hold: a digit may be wrong.
    Mismatched,
}

impl Address {
    /// What [`Address::parse`] accepts, for messages.
    pub const FORM: &'static str = "an address: 0x and 40 hexadecimal digits";
    /// The address nobody holds.
    pub const ZERO: Address = Address([0; 20]);

    /// Takes the twenty bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Address {
        Address(bytes)
    }

    /// The twenty bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Reads `^0x[0-9a-fA-F]{40}$` and says what its letter case says.
    pub fn parse(text: &str) -> Option<(Address, LetterCase)> {
        let digits = text.strip_prefix("0x")?;
        let address = Address(from_hex(&digits.to_ascii_lowercase())?);
        let lower = digits.bytes().any(|b| b.is_ascii_lowercase());
        let upper = digits.bytes().any(|b| b.is_ascii_uppercase());
        let case = match (lower && upper, address.to_string() == text) {
            (false, _) => LetterCase::Plain,
            (true, true) => LetterCase::Checksummed,
            (true, false) => LetterCase::Mismatched,
        };
        Some((address, case))
    }
}

/// Writes `0x` and forty digits with the letter case of EIP-55.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = to_hex(&self.0);
        let hash = to_hex(&keccak256(digits.as_bytes()));
        f.write_str("0x")?;
        for (digit, nibble) in digits.chars().zip(hash.chars()) {
            let upper = matches!(nibble, '8'..='9' | 'a'..='f');
            fmt::Write::write_char(f, if upper { digit.to_ascii_uppercase() } else { digit })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The thirty-two bytes that name a transaction. Always written in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxHash([u8; 32]);

impl TxHash {
    /// Takes the bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> TxHash {
        TxHash(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads `^0x[0-9a-fA-F]{64}$`.
    pub fn parse(text: &str) -> Option<TxHash> {
        from_hex(&text.strip_prefix("0x")?.to_ascii_lowercase()).map(TxHash)
    }
}

impl fmt::Display for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", to_hex(&self.0))
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of EIP-55 keep their letter case, and one changed letter is seen.
    #[test]
    fn letter_case_is_a_checksum() {
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let (address, case) = Address::parse(text).unwrap();
            assert_eq!((address.to_string().as_str(), case), (text, LetterCase::Checksummed));
            assert_eq!(Address::parse(&text.to_lowercase()), Some((address, LetterCase::Plain)));
        }
        let (address, case) = Address::parse("0x8E8F5064f20D235F899c7553F1BEE77A235F4828").unwrap();
        assert_eq!(case, LetterCase::Mismatched, "the contract's example");
        assert_eq!(address.to_string(), "0x8E8F5064F20D235F899c7553F1bEE77a235F4828");
        let digits_only = format!("0x{}", "1".repeat(40));
        assert_eq!(Address::parse(&digits_only).unwrap().1, LetterCase::Plain);
        for bad in [
            "",
            "0x",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    /// Hashes come out in lower case.
    #[test]
    fn hashes_are_lower_case() {
        let hash = TxHash::parse(&format!("0x{}", "Ab".repeat(32))).unwrap();
        assert_eq!(hash.to_string(), format!("0x{}", "ab".repeat(32)));
        assert_eq!(TxHash::parse("0xab"), None);
    }
}
