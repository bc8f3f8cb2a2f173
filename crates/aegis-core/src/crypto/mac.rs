//! HMAC-SHA-256 and HMAC-SHA-1 (RFC 2104) and constant-time comparison.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The 32-byte tag of `parts` under `key`.
pub fn tag(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104 pads a short key with zeros to the block of 64 bytes.
    let mut block = [0; 64];
    for (padded, byte) in block.iter_mut().zip(key) {
        *padded = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The 20-byte HMAC-SHA-1 tag of `message` under a 20-byte key. Only for one-time codes (RFC 4226, RFC 6238),
/// whose generators on people's phones know nothing else; the known collisions of SHA-1 do not reach a MAC.
pub fn tag_sha1(key: &[u8; 20], message: &[u8]) -> [u8; 20] {
    let mut block = [0; 64];
    for (padded, byte) in block.iter_mut().zip(key) {
        *padded = *byte;
    }
    let mut mac = Hmac::<Sha1>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Compares without revealing where two byte strings differ. Their lengths are not hidden.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 test case 2 (its key is shorter, so it is padded here as HMAC itself would).
    #[test]
    fn matches_rfc_4231() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(crate::encoding::to_hex(&tag(&key, &[b"what do ya ", b"want for nothing?"])), expected);
        assert!(equal(b"same", b"same") && !equal(b"same", b"sane") && !equal(b"a", b"ab"));
    }

    /// RFC 2202 test case 1: a 20-byte key.
    #[test]
    fn matches_rfc_2202() {
        let expected = "b617318655057264e28bc0b6fb378c8ef146be00";
        assert_eq!(crate::encoding::to_hex(&tag_sha1(&[0x0b; 20], b"Hi There")), expected);
    }
}
