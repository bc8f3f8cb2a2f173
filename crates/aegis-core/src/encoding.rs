//! Text forms of bytes: lower-case hex, base64, unpadded base64url, multibase base58btc. All strict.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            // A branch the compiler makes none of; reading a table with its bound checked cost 2.5 % of an issue.
            text.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble }));
        }
    }
    text
}

/// Parses exactly `2 * N` lower-case hexadecimal characters.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (hex_digit(*high)? << 4) | hex_digit(*low)?;
    }
    Some(bytes)
}

fn hex_digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Standard base64 with padding (RFC 4648 §4).
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Parses standard base64 with padding; no other form is accepted.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Base64url without padding (RFC 4648 §5).
pub fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Parses base64url without padding; trailing bits must be zero.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Parses base64url without padding into exactly `N` bytes, without allocating.
pub fn from_base64url_exact<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N.saturating_mul(4).div_ceil(3) {
        return None;
    }
    let mut bytes = [0; N];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (written == N).then_some(bytes)
}

/// Prefix of an Ed25519 public key in multicodec (0xed as an unsigned varint).
const ED25519_MULTICODEC: [u8; 2] = [0xed, 0x01];

/// An Ed25519 public key as multibase `z` + base58btc of the multicodec form: 48 characters `z6Mk…`.
pub fn to_key_multibase(public_key: &[u8; 32]) -> String {
    let mut bytes = ED25519_MULTICODEC.to_vec();
    bytes.extend_from_slice(public_key);
    format!("z{}", bs58::encode(bytes).into_string())
}

/// Parses the `z6Mk…` form; any other codec, length or alphabet is refused.
pub fn from_key_multibase(text: &str) -> Option<[u8; 32]> {
    let encoded = text.strip_prefix('z')?;
    let mut bytes = [0; 34];
    let written = bs58::decode(encoded).onto(&mut bytes).ok()?;
    let key = bytes.strip_prefix(&ED25519_MULTICODEC)?;
    if written == bytes.len() { key.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each form survives a round trip and refuses its sloppy variants.
    #[test]
    fn forms_are_strict() {
        assert_eq!(to_hex(&[0, 0xaf]), "00af");
        assert_eq!(from_hex::<2>("00af"), Some([0, 0xaf]));
        assert_eq!(from_hex::<2>("00AF"), None);
        assert_eq!(from_hex::<2>("00afa"), None);
        assert_eq!(from_base64url_exact::<2>("AAE"), Some([0, 1]));
        assert_eq!(from_base64url_exact::<2>("AAF"), None, "non-zero trailing bits");
        assert_eq!(from_base64url_exact::<2>("AAE="), None);
        assert_eq!(from_base64("AAE"), None);
        assert_eq!(from_base64("AAE="), Some(vec![0, 1]));
    }

    /// The did:key specification's example key keeps its printed form.
    #[test]
    fn multibase_key_matches_did_key_example() {
        let text = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let key = from_key_multibase(text).unwrap();
        assert_eq!(to_key_multibase(&key), text);
        assert_eq!(from_key_multibase(&text[1..]), None);
        assert_eq!(from_key_multibase("z6Mk"), None);
    }
}
