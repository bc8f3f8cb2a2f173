//! Time-based one-time codes (RFC 6238: SHA-1, 30 s, six digits): what an approver's phone shows.

use aegis_core::crypto::mac::{equal, tag_sha1};
use aegis_core::entropy::Entropy;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;

/// Seconds one code is shown.
const STEP_SECONDS: i64 = 30;
/// Bytes of a secret, as RFC 4226 §4 recommends.
pub const SECRET_BYTES: usize = 20;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a phone and the instance share.
#[derive(Clone, Debug)]
pub struct TotpSecret(Secret<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// A new secret.
    pub fn generate(entropy: &mut Entropy) -> TotpSecret {
        TotpSecret::from_bytes(entropy.bytes())
    }

    /// A secret as rows keep it, opened.
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> TotpSecret {
        TotpSecret(Secret::new(bytes))
    }

    /// The bytes, to be sealed.
    pub const fn reveal(&self) -> &[u8; SECRET_BYTES] {
        self.0.expose()
    }

    /// The code of the step that `now` lies in.
    pub fn code_at(&self, now: Timestamp) -> String {
        self.code(step_of(now))
    }

    fn code(&self, step: i64) -> String {
        let tag = tag_sha1(self.0.expose(), &step.to_be_bytes());
        // RFC 4226 §5.3: the low nibble of the last byte says where the four bytes begin, 0 to 15 of 20.
        let offset = tag.last().map_or(0, |last| usize::from(last & 15));
        let four = tag.iter().skip(offset).take(4);
        let number = four.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    /// The step whose code `code` is, among the one `now` lies in, the one before and the one after, if that step is
    /// later than the `last` one used: each step is good once, and none before one that was.
    pub fn matching_step(&self, code: &str, now: Timestamp, last: Option<i64>) -> Option<i64> {
        let present = step_of(now);
        let near = [present.saturating_sub(1), present, present.saturating_add(1)];
        // All three are compared, so that the time taken says nothing.
        let found = near.map(|step| (step, equal(self.code(step).as_bytes(), code.as_bytes())));
        let usable = |step: &i64| last.is_none_or(|last| *step > last);
        found.into_iter().filter(|(_, equal)| *equal).map(|(step, _)| step).find(usable)
    }

    /// The `otpauth://` address a phone scans. Shown once.
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (percent(issuer), percent(account));
        let secret = base32(self.0.expose());
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
        )
    }
}

const fn step_of(now: Timestamp) -> i64 {
    now.as_seconds().div_euclid(STEP_SECONDS)
}

/// RFC 4648 §6 without padding: 20 bytes are 32 characters exactly.
fn base32(bytes: &[u8; SECRET_BYTES]) -> String {
    let (groups, _) = bytes.as_chunks::<5>();
    let group = |group: &[u8; 5]| {
        let bits = group.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let digit = move |place: u32| BASE32.get(usize::try_from((bits >> place) & 31).unwrap_or(0));
        (0..8_u32).rev().filter_map(move |index| digit(index.saturating_mul(5)).copied().map(char::from))
    };
    groups.iter().flat_map(group).collect()
}

/// RFC 3986 §2.1: everything but unreserved characters as `%XX`.
fn percent(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> TotpSecret {
        TotpSecret::from_bytes(*b"12345678901234567890")
    }

    /// The SHA-1 rows of RFC 6238 appendix B, cut to six digits.
    #[test]
    fn matches_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().code_at(Timestamp::from_seconds(seconds)), code);
        }
    }

    /// One step early or late is good, two are not, and no step is good twice or after a later one.
    #[test]
    fn steps_are_near_and_single() {
        let now = Timestamp::from_seconds(3_000);
        let code = |seconds: i64| rfc().code_at(Timestamp::from_seconds(seconds));
        for (seconds, step) in
            [(2_970, Some(99)), (3_000, Some(100)), (3_030, Some(101)), (2_940, None), (3_060, None)]
        {
            assert_eq!(rfc().matching_step(&code(seconds), now, None), step);
        }
        assert_eq!(rfc().matching_step(&code(3_000), now, Some(99)), Some(100));
        assert_eq!(rfc().matching_step(&code(3_000), now, Some(100)), None);
        assert_eq!(rfc().matching_step("", now, None), None);
        assert_eq!(rfc().matching_step("0000000", now, None), None);
    }

    /// What a phone reads: RFC 4648's alphabet, and names that are escaped.
    #[test]
    fn address_for_phones() {
        assert_eq!(
            rfc().otpauth_uri("Aegis", "a b@example.com"),
            "otpauth://totp/Aegis:a%20b%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Aegis&algorithm=SHA1&digits=6&period=30"
        );
    }
}
