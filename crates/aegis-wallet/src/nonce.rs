//! The action nonce: one counter for each agent, which every committed action of the agent advances by one.

use std::fmt;

/// The largest nonce: the largest integer a JSON number carries exactly.
const NONCE_MAX: u64 = (1 << 53) - 1;

/// The number of committed actions of an agent, and so the nonce its next one must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nonce(u64);

/// A request carries no usable nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceFlaw {
    /// There is none: `NONCE_REQUIRED`.
    #[error("X-Aegis-Nonce is required")]
    Missing,
    /// Not a number from 0 to 2^53 − 1 in plain digits, or more than one: `INVALID_NONCE_FORMAT`.
    #[error(
        "X-Aegis-Nonce must be one number from 0 to 9007199254740991, without sign, space or leading zero"
    )]
    Form,
}

/// `NONCE_MISMATCH`: another action was committed, or none was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the next nonce is {expected}, not {received}")]
pub struct NonceMismatch {
    /// The agent's next nonce.
    pub expected: Nonce,
    /// What the request carried.
    pub received: Nonce,
}

impl Nonce {
    /// A new agent's.
    pub const FIRST: Nonce = Nonce(0);

    /// Takes a number up to 2^53 − 1.
    pub const fn new(number: u64) -> Option<Nonce> {
        if number <= NONCE_MAX { Some(Nonce(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads the values of all `X-Aegis-Nonce` headers of a request: one of `^(0|[1-9][0-9]{0,15})$`.
    ///
    /// # Errors
    /// [`NonceFlaw`]
    pub fn read(values: &[&str]) -> Result<Nonce, NonceFlaw> {
        let text = match values {
            [] => return Err(NonceFlaw::Missing),
            [text] => *text,
            [_, _, ..] => return Err(NonceFlaw::Form),
        };
        let plain = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let canonical = text == "0" || !text.starts_with('0');
        let number = if plain && canonical { text.parse().ok() } else { None };
        number.and_then(Nonce::new).ok_or(NonceFlaw::Form)
    }

    /// Checks what a request carried against this, the agent's next nonce, and gives the one after it, for the
    /// transaction that commits the action and no other.
    ///
    /// # Errors
    /// [`NonceMismatch`]. After the last nonce there is none, and every request is refused.
    pub fn take(self, received: Nonce) -> Result<Nonce, NonceMismatch> {
        let next = self.0.checked_add(1).and_then(Nonce::new).filter(|_| self == received);
        next.ok_or(NonceMismatch { expected: self, received })
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Plain digits within the range, once.
    #[test]
    fn header_is_strict() {
        assert_eq!(Nonce::read(&["0"]), Ok(Nonce::FIRST));
        assert_eq!(Nonce::read(&["9007199254740991"]).map(Nonce::get), Ok(NONCE_MAX));
        assert_eq!(Nonce::read(&[]), Err(NonceFlaw::Missing));
        for bad in ["", "00", "01", "+1", "-1", "1.0", "1e3", " 1", "9007199254740992", "99999999999999999"] {
            assert_eq!(Nonce::read(&[bad]), Err(NonceFlaw::Form), "{bad:?}");
        }
        assert_eq!(Nonce::read(&["1", "1"]), Err(NonceFlaw::Form));
        assert!(Nonce(NONCE_MAX).take(Nonce(NONCE_MAX)).is_err());
    }

    proptest! {
        /// Invariant 7: whatever requests carry, those that commit carry 0 to n − 1, each once, in order.
        #[test]
        fn committed_nonces_are_dense(received in prop::collection::vec(0_u64..6, 0..60)) {
            let (mut next, mut committed) = (Nonce::FIRST, Vec::new());
            for nonce in received.into_iter().map(Nonce) {
                match next.take(nonce) {
                    Ok(after) => {
                        committed.push(nonce.get());
                        prop_assert!(after > next);
                        next = after;
                    }
                    Err(mismatch) => prop_assert_eq!(mismatch.expected, next),
                }
            }
            prop_assert_eq!(committed, (0..next.get()).collect::<Vec<_>>());
        }
    }
}
