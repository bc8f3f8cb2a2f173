//! The two scalars every line-based format of C2SP shares: decimal numbers and base64 hashes. Strict.

use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::from_base64;

use crate::tree::SIZE_MAX;

/// A tree size or index: ASCII digits, no leading zero unless it is `0`, at most [`SIZE_MAX`].
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if !canonical || text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= SIZE_MAX)
}

/// A SHA-256 hash in padded standard base64: 44 characters.
pub(crate) fn parse_hash(text: &str) -> Option<Digest> {
    if text.len() != 44 {
        return None;
    }
    <[u8; 32]>::try_from(from_base64(text)?).ok().map(Digest::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers have one spelling; every other spelling, sign or size is refused.
    #[test]
    fn decimals_have_one_spelling() {
        assert_eq!(parse_decimal("0"), Some(0));
        assert_eq!(parse_decimal("9223372036854775807"), Some(SIZE_MAX));
        for bad in
            ["", "00", "01", "+1", "-1", " 1", "1 ", "0x1", "9223372036854775808", "99999999999999999999"]
        {
            assert_eq!(parse_decimal(bad), None, "{bad}");
        }
    }

    /// A hash is exactly 32 bytes in canonical base64.
    #[test]
    fn hashes_are_exact() {
        let text = aegis_core::encoding::to_base64(&[7; 32]);
        assert_eq!(parse_hash(&text), Some(Digest::from_bytes([7; 32])));
        assert_eq!(parse_hash(&text.replace("c=", "d=")), None, "non-zero trailing bits");
        assert_eq!(parse_hash(text.trim_end_matches('=')), None);
        assert_eq!(parse_hash(&aegis_core::encoding::to_base64(&[7; 31])), None);
    }
}
