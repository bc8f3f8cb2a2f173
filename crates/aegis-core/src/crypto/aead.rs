//! Sealing of small rows: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with associated data.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::entropy::Entropy;
use crate::secret::Secret;

/// Bytes that a sealed value is longer than its content: 24 of nonce, 16 of tag.
pub const OVERHEAD_BYTES: usize = 40;

const NONCE_BYTES: usize = 24;

/// A 256-bit sealing key.
#[derive(Clone, Debug)]
pub struct SealingKey(Secret<[u8; 32]>);

/// The sealed bytes were altered, moved to another place, or sealed under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open: altered, moved, or sealed under another key")]
pub struct DoesNotOpen;

impl SealingKey {
    /// Takes 32 secret bytes.
    pub const fn new(bytes: Secret<[u8; 32]>) -> SealingKey {
        SealingKey(bytes)
    }

    /// Seals `content`; `place` (table, column, row) is bound but not hidden. Returns nonce ‖ ciphertext.
    ///
    /// # Errors
    /// [`DoesNotOpen`] when the content is too long for the cipher (2³⁸ bytes); never for rows.
    pub fn seal(&self, content: &[u8], place: &[u8], entropy: &mut Entropy) -> Result<Vec<u8>, DoesNotOpen> {
        let nonce: [u8; NONCE_BYTES] = entropy.bytes();
        let cipher = XChaCha20Poly1305::new(self.0.expose().into());
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: content, aad: place })
            .map_err(|_| DoesNotOpen)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`SealingKey::seal`] returned, for the same `place`.
    ///
    /// # Errors
    /// [`DoesNotOpen`] for any other bytes, place or key.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Secret<Vec<u8>>, DoesNotOpen> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
        let cipher = XChaCha20Poly1305::new(self.0.expose().into());
        cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: body, aad: place })
            .map(Secret::new)
            .map_err(|_| DoesNotOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens at its own place only, and not after any byte changed.
    #[test]
    fn binds_content_place_and_key() {
        let mut entropy = Entropy::from_seed([7; 32]);
        let key = SealingKey::new(Secret::new([1; 32]));
        let sealed = key.seal(b"secret", b"table/row", &mut entropy).unwrap();
        assert_eq!(sealed.len(), 6 + OVERHEAD_BYTES);
        assert_eq!(key.open(&sealed, b"table/row").unwrap().expose(), b"secret");
        assert_eq!(key.open(&sealed, b"table/row2").err(), Some(DoesNotOpen));
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(key.open(&altered, b"table/row").is_err(), "byte {index}");
        }
        assert!(SealingKey::new(Secret::new([2; 32])).open(&sealed, b"table/row").is_err());
    }
}
