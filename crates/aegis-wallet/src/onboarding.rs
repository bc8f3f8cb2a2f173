//! Onboarding: a one-time code sent by mail, and the few guesses anyone has.

use std::fmt;

use aegis_core::closed_set;
use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::mac::equal;
use aegis_core::encoding::to_hex;
use aegis_core::entropy::Entropy;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;

use crate::email::Email;

/// How long a code is good.
pub const CODE_SECONDS: i64 = 600;
/// The wrong code with this number locks the challenge.
pub const WRONG_CODES_MAX: u8 = 5;

/// A code in clear: six upper-case hexadecimal characters. Mailed once, never stored.
#[derive(Clone)]
pub struct OneTimeCode(Secret<String>);

impl OneTimeCode {
    /// What [`OneTimeCode::parse`] accepts, for messages.
    pub const FORM: &'static str = "the code of the mail: 6 hexadecimal characters";

    /// A new code, each of the 16,777,216 equally likely.
    pub fn generate(entropy: &mut Entropy) -> OneTimeCode {
        OneTimeCode(Secret::new(to_hex(&entropy.bytes::<3>()).to_ascii_uppercase()))
    }

    /// Reads a code as somebody may have typed it. What is none is no attempt.
    pub fn parse(text: &str) -> Option<OneTimeCode> {
        let text = text.trim();
        let fits = text.len() == 6 && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| OneTimeCode(Secret::new(text.to_ascii_uppercase())))
    }

    /// What is stored in its place.
    pub fn sealed(&self, salt: [u8; 16]) -> CodeDigest {
        CodeDigest { salt, digest: Digest::of(&[&salt, self.0.expose().as_bytes()]) }
    }

    /// The code, for the one mail that carries it.
    pub fn reveal(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(…)")
    }
}

/// A code as rows keep it: salt and SHA-256(salt ‖ code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeDigest {
    /// Sixteen random bytes of this challenge alone.
    pub salt: [u8; 16],
    /// The hash.
    pub digest: Digest,
}

closed_set! {
    /// Where a challenge is in its life.
    MailChallengeState {
        /// Open.
        Issued = "issued",
        /// Its code was given.
        Consumed = "consumed",
        /// It was found to be too old. Recorded, so that no clock brings it back.
        Expired = "expired",
        /// Too many wrong codes were given.
        Locked = "locked",
    }
}

/// One mailed code and what was tried against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailChallenge {
    /// Who is to prove the address.
    pub email: Email,
    /// The code.
    pub code: CodeDigest,
    /// From when on it is no longer good.
    pub expires_at: Timestamp,
    /// Wrong codes so far.
    pub wrong: u8,
    /// Its place in its life.
    pub state: MailChallengeState,
}

/// A code is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefused {
    /// No such challenge, or another address's.
    #[error("there is no such challenge for this e-mail address")]
    InvalidChallenge,
    /// Its code was given before.
    #[error("the challenge was used before")]
    Used,
    /// It is locked, perhaps by this very code.
    #[error("too many wrong codes; start anew")]
    TooManyAttempts,
    /// Its time is over.
    #[error("the challenge has expired; start anew")]
    Expired,
    /// A wrong code.
    #[error("the code is wrong; attempts left: {left}")]
    InvalidOtp {
        /// Codes that may still be tried.
        left: u8,
    },
}

/// What an attempt leaves behind. A refusal that counts must be committed before it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The challenge from now on; nothing to store if absent.
    pub stored: Option<MailChallenge>,
    /// Whether the code was right.
    pub outcome: Result<(), CodeRefused>,
}

impl MailChallenge {
    /// A new challenge. Earlier ones of the same address stay what they are.
    pub fn issue(email: Email, code: CodeDigest, now: Timestamp) -> MailChallenge {
        let expires_at = now.plus_seconds(CODE_SECONDS);
        MailChallenge { email, code, expires_at, wrong: 0, state: MailChallengeState::Issued }
    }

    /// Tries `code` for `email`: unknown, used, locked, expired, wrong, in this order. Only an open challenge has its
    /// code compared at all.
    pub fn attempt(
        found: Option<&MailChallenge>,
        email: &Email,
        code: &OneTimeCode,
        now: Timestamp,
    ) -> Attempt {
        let unchanged = |refused| Attempt { stored: None, outcome: Err(refused) };
        let Some(challenge) = found.filter(|challenge| challenge.email == *email) else {
            return unchanged(CodeRefused::InvalidChallenge);
        };
        match challenge.state {
            MailChallengeState::Consumed => return unchanged(CodeRefused::Used),
            MailChallengeState::Locked => return unchanged(CodeRefused::TooManyAttempts),
            MailChallengeState::Expired => return unchanged(CodeRefused::Expired),
            MailChallengeState::Issued if challenge.expires_at <= now => {
                let stored = MailChallenge { state: MailChallengeState::Expired, ..challenge.clone() };
                return Attempt { stored: Some(stored), outcome: Err(CodeRefused::Expired) };
            }
            MailChallengeState::Issued => {}
        }
        let given = code.sealed(challenge.code.salt);
        if equal(given.digest.as_bytes(), challenge.code.digest.as_bytes()) {
            let stored = MailChallenge { state: MailChallengeState::Consumed, ..challenge.clone() };
            return Attempt { stored: Some(stored), outcome: Ok(()) };
        }
        let wrong = challenge.wrong.saturating_add(1);
        let left = WRONG_CODES_MAX.saturating_sub(wrong);
        let (state, refused) = if left == 0 {
            (MailChallengeState::Locked, CodeRefused::TooManyAttempts)
        } else {
            (MailChallengeState::Issued, CodeRefused::InvalidOtp { left })
        };
        Attempt { stored: Some(MailChallenge { wrong, state, ..challenge.clone() }), outcome: Err(refused) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn email() -> Email {
        Email::parse("your-agent@example.com").unwrap()
    }

    fn challenge(code: &str) -> MailChallenge {
        MailChallenge::issue(email(), OneTimeCode::parse(code).unwrap().sealed([7; 16]), at(0))
    }

    fn attempt(challenge: &MailChallenge, code: &str, now: i64) -> Attempt {
        MailChallenge::attempt(Some(challenge), &email(), &OneTimeCode::parse(code).unwrap(), at(now))
    }

    /// The order of refusals, and the small print of a code.
    #[test]
    fn refusals_have_an_order() {
        let open = challenge("A8F93D");
        let other = Email::parse("b@example.com").unwrap();
        let code = OneTimeCode::parse(" a8f93d\n").unwrap();
        assert_eq!(code.reveal(), "A8F93D");
        assert_eq!(format!("{code:?}"), "OneTimeCode(…)");
        for found in [None, Some(&open)] {
            let refused = MailChallenge::attempt(found, &other, &code, at(0));
            assert_eq!(refused, Attempt { stored: None, outcome: Err(CodeRefused::InvalidChallenge) });
        }
        assert_eq!(attempt(&open, "A8F93D", 600).outcome, Err(CodeRefused::Expired));
        let used = attempt(&open, "a8f93d", 599);
        assert_eq!(used.outcome, Ok(()));
        assert_eq!(attempt(&used.stored.unwrap(), "A8F93D", 700).outcome, Err(CodeRefused::Used));
        for bad in ["", "A8F93", "A8F93DD", "A8F93G", "A8 93D"] {
            assert!(OneTimeCode::parse(bad).is_none(), "{bad}");
        }
        let made = OneTimeCode::generate(&mut Entropy::from_seed([1; 32]));
        assert!(
            OneTimeCode::parse(made.reveal()).is_some()
                && !made.reveal().bytes().any(|b| b.is_ascii_lowercase())
        );
    }

    proptest! {
        /// Invariant 17: once found too old, a challenge is so at every instant.
        #[test]
        fn expired_stays_expired(seen in 0_i64..1_200, later in -1_200_i64..1_200) {
            let tried = attempt(&challenge("000000"), "000001", seen);
            let again = attempt(&tried.stored.unwrap(), "000000", later).outcome;
            prop_assert!(seen < 600 || again == Err(CodeRefused::Expired));
        }

        /// Invariant 18: whatever is tried and however late, after five wrong codes even the right one is not looked at.
        #[test]
        fn sixth_guess_is_never_evaluated(guesses in prop::collection::vec((0_u8..3, 0_i64..700), 1..20)) {
            let mut challenge = challenge("000000");
            let (mut wrong, mut right) = (0, 0);
            for (guess, now) in guesses {
                let tried = attempt(&challenge, &format!("00000{guess}"), now);
                let compared = tried.stored.is_some() && tried.outcome != Err(CodeRefused::Expired);
                if guess == 0 && compared {
                    prop_assert_eq!(tried.outcome, Ok(()));
                    prop_assert!(wrong < 5 && right == 0 && now < 600);
                    right += 1;
                } else if compared {
                    wrong += 1;
                    let locked = tried.outcome == Err(CodeRefused::TooManyAttempts);
                    prop_assert_eq!(locked, wrong == 5);
                }
                challenge = tried.stored.unwrap_or(challenge);
                prop_assert!(wrong <= 5 && challenge.wrong == wrong);
            }
        }
    }
}
