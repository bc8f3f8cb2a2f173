//! The key of one account: secp256k1, signatures with deterministic nonces (RFC 6979), low `s` (EIP-2).

use aegis_core::secret::Secret;
use aegis_wallet::address::Address;
use alloy::primitives::B256;
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;

use crate::convert::from_chain;

/// Signs for one account. Its secret has no printable form and is wiped when it is dropped.
#[derive(Clone)]
pub struct AccountKey(PrivateKeySigner);

/// Thirty-two bytes that are no key: zero, or not below the order of the curve. Also an answer of the library that
/// cannot happen with a key that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no secp256k1 key")]
pub struct NotAKey;

/// A signature with its recovery bit: `r`, `s` and `v`, which is 27 or 28, as contracts take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySignature(pub [u8; 65]);

impl AccountKey {
    /// Takes a secret.
    ///
    /// # Errors
    /// [`NotAKey`]
    pub fn from_secret(secret: &Secret<[u8; 32]>) -> Result<AccountKey, NotAKey> {
        PrivateKeySigner::from_slice(secret.expose()).map(AccountKey).map_err(|_| NotAKey)
    }

    /// The account: the last twenty bytes of the hash of its public key.
    pub fn address(&self) -> Address {
        from_chain(self.0.address())
    }

    /// Signs thirty-two bytes that are already a digest. The same key and digest give the same bytes.
    ///
    /// # Errors
    /// [`NotAKey`]
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Result<KeySignature, NotAKey> {
        self.raw_sign(&B256::new(*digest)).map(|signature| KeySignature(signature.as_bytes()))
    }

    pub(crate) fn raw_sign(&self, digest: &B256) -> Result<alloy::primitives::Signature, NotAKey> {
        self.0.sign_hash_sync(digest).map_err(|_| NotAKey)
    }
}

impl std::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccountKey({})", self.address())
    }
}

impl KeySignature {
    /// `v`, 27 or 28.
    pub const fn v(&self) -> u8 {
        self.0[64]
    }

    /// Reads a signature whose `v` is 0, 1, 27 or 28.
    pub(crate) fn parse(&self) -> Option<alloy::primitives::Signature> {
        alloy::primitives::Signature::try_from(self.0.as_slice()).ok()
    }

    /// The account whose key made this signature over `digest`; nothing if none did.
    pub fn recover(&self, digest: &[u8; 32]) -> Option<Address> {
        self.parse()?.recover_address_from_prehash(&B256::new(*digest)).ok().map(from_chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of EIP-155's example has the example's address; no form of it shows the secret.
    #[test]
    fn keys_are_silent() {
        let key = AccountKey::from_secret(&Secret::new([0x46; 32])).unwrap();
        assert_eq!(key.address().to_string(), "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
        assert_eq!(format!("{key:?}"), "AccountKey(0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F)");
    }

    /// Zero and the curve's order are refused.
    #[test]
    fn what_is_no_key() {
        assert!(AccountKey::from_secret(&Secret::new([0; 32])).is_err());
        assert!(AccountKey::from_secret(&Secret::new([0xff; 32])).is_err());
    }
}
