//! API keys: `ak_live_…` and `ak_test_…`, 32 random bytes in base62 and a CRC-32 tail.
//!
//! The tail lets a typing error be refused without a look-up and lets secret scanners recognise a key.
//! Only the SHA-256 of a key is ever stored.

use std::fmt;

use crate::crypto::digest::Digest;
use crate::entropy::Entropy;
use crate::secret::Secret;

/// Where a key is good: each kind of instance refuses the other's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRealm {
    /// `ak_live_`: production instances.
    Live,
    /// `ak_test_`: sandbox instances.
    Test,
}

impl KeyRealm {
    /// The permanent prefix.
    pub const fn prefix(self) -> &'static str {
        match self {
            KeyRealm::Live => "ak_live_",
            KeyRealm::Test => "ak_test_",
        }
    }
}

/// A key in clear. Shown once to its owner, never stored.
#[derive(Clone, Debug)]
pub struct ApiKeySecret(Secret<String>);

/// Why a text is no API key of this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// No `ak_live_`/`ak_test_` prefix, wrong length or a character outside base62.
    #[error("not an API key: expected ak_live_… or ak_test_… followed by 49 letters and digits")]
    Form,
    /// The checksum does not match: a typing error or a cut copy.
    #[error("the API key's checksum does not match: it was mistyped or cut")]
    Checksum,
}

const BODY_CHARS: usize = 43;
const TAIL_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl ApiKeySecret {
    /// A new key of 256 random bits.
    pub fn generate(realm: KeyRealm, entropy: &mut Entropy) -> ApiKeySecret {
        let body = base62::<BODY_CHARS>(&entropy.bytes::<32>());
        let tail = base62::<TAIL_CHARS>(&crc32fast::hash(body.as_bytes()).to_be_bytes());
        ApiKeySecret(Secret::new(format!("{}{body}{tail}", realm.prefix())))
    }

    /// Checks form and checksum of a presented key; says nothing about whether it exists.
    ///
    /// # Errors
    /// [`NotAKey`] for anything that no instance ever issued.
    pub fn parse(text: &str) -> Result<(KeyRealm, ApiKeySecret), NotAKey> {
        let realm = [KeyRealm::Live, KeyRealm::Test]
            .into_iter()
            .find(|realm| text.starts_with(realm.prefix()))
            .ok_or(NotAKey::Form)?;
        let rest = text.strip_prefix(realm.prefix()).ok_or(NotAKey::Form)?;
        if rest.len() != BODY_CHARS + TAIL_CHARS || !rest.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(NotAKey::Form);
        }
        let (body, tail) = rest.split_at(BODY_CHARS);
        if base62::<TAIL_CHARS>(&crc32fast::hash(body.as_bytes()).to_be_bytes()) != tail {
            return Err(NotAKey::Checksum);
        }
        Ok((realm, ApiKeySecret(Secret::new(text.to_owned()))))
    }

    /// What is stored and looked up in place of the key.
    pub fn digest(&self) -> Digest {
        Digest::of(&[self.0.expose().as_bytes()])
    }

    /// The key itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        self.0.expose()
    }
}

/// A hint that lets people tell keys apart: prefix and the first four characters.
pub fn hint(secret: &ApiKeySecret) -> impl fmt::Display {
    secret.0.expose().chars().take(12).collect::<String>()
}

/// Big-endian base62 of `bytes`, left-padded with zeros to `N` characters.
fn base62<const N: usize>(bytes: &[u8]) -> String {
    let mut digits = [0_u8; N];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in digits.iter_mut().rev() {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 62).unwrap_or(0);
            carry = value / 62;
        }
    }
    digits.iter().filter_map(|digit| BASE62.get(usize::from(*digit)).copied().map(char::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generated key parses; every single-character change is caught without a database.
    #[test]
    fn typing_errors_are_caught() {
        let key = ApiKeySecret::generate(KeyRealm::Test, &mut Entropy::from_seed([5; 32]));
        let text = key.reveal().to_owned();
        assert_eq!(text.len(), 8 + 49);
        let (realm, parsed) = ApiKeySecret::parse(&text).unwrap();
        assert_eq!((realm, parsed.digest()), (KeyRealm::Test, key.digest()));
        for index in 8..text.len() {
            let mut typo = text.clone().into_bytes();
            typo[index] = if typo[index] == b'x' { b'y' } else { b'x' };
            assert_eq!(ApiKeySecret::parse(&String::from_utf8(typo).unwrap()).err(), Some(NotAKey::Checksum));
        }
        assert_eq!(ApiKeySecret::parse("ak_your_key_here").err(), Some(NotAKey::Form));
    }

    /// 32 bytes of ones need all 43 characters: no information is lost.
    #[test]
    fn widest_value_fits() {
        assert_ne!(base62::<BODY_CHARS>(&[0xff; 32]), base62::<BODY_CHARS>(&[0xfe; 32]));
        assert_eq!(base62::<2>(&[61]), "0z");
    }
}
