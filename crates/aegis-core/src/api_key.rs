//! API keys: `ak_live_…` and `ak_test_…`, in the form of [`crate::checked_secret`].
//!
//! Only the SHA-256 of a key is ever stored.

use std::fmt;

use crate::checked_secret::{self, Flaw};
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

impl ApiKeySecret {
    /// A new key of 256 random bits.
    pub fn generate(realm: KeyRealm, entropy: &mut Entropy) -> ApiKeySecret {
        ApiKeySecret(checked_secret::generate(realm.prefix(), entropy))
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
        checked_secret::check(realm.prefix(), text).map_err(|flaw| match flaw {
            Flaw::Form => NotAKey::Form,
            Flaw::Checksum => NotAKey::Checksum,
        })?;
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
}
