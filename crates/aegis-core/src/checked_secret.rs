//! Secrets as people copy them: a permanent prefix, 32 random bytes in base62, and a CRC-32 tail.
//!
//! The tail lets a typing error be refused without a look-up and lets secret scanners recognise a secret.

use crate::entropy::Entropy;
use crate::secret::Secret;

/// Why no instance ever issued a text under a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Another prefix, a wrong length or a character outside base62.
    Form,
    /// The checksum does not match: a typing error or a cut copy.
    Checksum,
}

const BODY_CHARS: usize = 43;
const TAIL_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new secret of 256 random bits under `prefix`.
pub fn generate(prefix: &str, entropy: &mut Entropy) -> Secret<String> {
    let body = base62::<BODY_CHARS>(&entropy.bytes::<32>());
    let tail = base62::<TAIL_CHARS>(&crc32fast::hash(body.as_bytes()).to_be_bytes());
    Secret::new(format!("{prefix}{body}{tail}"))
}

/// Checks form and checksum of a presented text; says nothing about whether it was ever issued.
///
/// # Errors
/// [`Flaw`]
pub fn check(prefix: &str, text: &str) -> Result<(), Flaw> {
    let rest = text.strip_prefix(prefix).ok_or(Flaw::Form)?;
    if rest.len() != BODY_CHARS + TAIL_CHARS || !rest.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Flaw::Form);
    }
    let (body, tail) = rest.split_at(BODY_CHARS);
    let expected = base62::<TAIL_CHARS>(&crc32fast::hash(body.as_bytes()).to_be_bytes());
    if expected == tail { Ok(()) } else { Err(Flaw::Checksum) }
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

    /// A secret is good under its own prefix only, and 32 bytes of ones need all 43 characters: nothing is lost.
    #[test]
    fn forms_are_checked() {
        let secret = generate("a_", &mut Entropy::from_seed([1; 32]));
        assert_eq!(check("a_", secret.expose()), Ok(()));
        assert_eq!(check("b_", secret.expose()), Err(Flaw::Form));
        assert_eq!(check("a_", &format!("{}0", secret.expose())), Err(Flaw::Form));
        assert_ne!(base62::<BODY_CHARS>(&[0xff; 32]), base62::<BODY_CHARS>(&[0xfe; 32]));
        assert_eq!(base62::<2>(&[61]), "0z");
    }
}
