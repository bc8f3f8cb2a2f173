//! Agent tokens: bearer secrets that are always shown together with the agent's e-mail address.

use aegis_core::checked_secret::{self, Flaw};
use aegis_core::closed_set;
use aegis_core::crypto::digest::Digest;
use aegis_core::entropy::Entropy;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;

use crate::ids::AgentTokenId;

/// The permanent prefix, the same in every mode.
pub const PREFIX: &str = "aegis_live_";
/// Active tokens of one agent at most: the next one revokes the oldest.
pub const ACTIVE_MAX: usize = 5;

/// A token in clear. Shown once, never stored.
#[derive(Clone, Debug)]
pub struct AgentTokenSecret(Secret<String>);

impl AgentTokenSecret {
    /// A new token of 256 random bits.
    pub fn generate(entropy: &mut Entropy) -> AgentTokenSecret {
        AgentTokenSecret(checked_secret::generate(PREFIX, entropy))
    }

    /// Checks form and checksum of a presented token; says nothing about whether it exists.
    ///
    /// # Errors
    /// [`Flaw`] for anything that no instance ever issued.
    pub fn parse(text: &str) -> Result<AgentTokenSecret, Flaw> {
        checked_secret::check(PREFIX, text)?;
        Ok(AgentTokenSecret(Secret::new(text.to_owned())))
    }

    /// What is stored and looked up in its place.
    pub fn digest(&self) -> Digest {
        Digest::of(&[self.0.expose().as_bytes()])
    }

    /// The token itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        self.0.expose()
    }
}

closed_set! {
    /// Why a token ended.
    TokenEnd {
        /// The agent revoked its tokens.
        Caller = "caller",
        /// It was used after its last day.
        Expired = "expired",
        /// An operator revoked it.
        Admin = "admin",
        /// A newer one took its place.
        Replaced = "replaced",
    }
}

/// A known token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentToken {
    /// Its name.
    pub id: AgentTokenId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it is no longer good.
    pub expires_at: Timestamp,
    /// How it ended, if it did.
    pub ended: Option<TokenEnd>,
}

/// A known token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// It was revoked: `UNAUTHORIZED`.
    #[error("the token was revoked")]
    Revoked,
    /// Its time is over: `TOKEN_EXPIRED`, for ever.
    #[error("the token has expired")]
    Expired {
        /// Whether that has still to be recorded as its end.
        to_record: bool,
    },
}

impl AgentToken {
    /// Whether it authenticates at `now`.
    ///
    /// # Errors
    /// [`TokenRefused`]. A token that was once found expired stays so, whatever the clock says later.
    pub fn judge(&self, now: Timestamp) -> Result<(), TokenRefused> {
        match self.ended {
            Some(TokenEnd::Expired) => Err(TokenRefused::Expired { to_record: false }),
            Some(TokenEnd::Caller | TokenEnd::Admin | TokenEnd::Replaced) => Err(TokenRefused::Revoked),
            None if self.expires_at <= now => Err(TokenRefused::Expired { to_record: true }),
            None => Ok(()),
        }
    }
}

/// The tokens of an agent that end as [`TokenEnd::Replaced`] when it gets one more: the oldest active ones, so that
/// [`ACTIVE_MAX`] are left with the new one.
pub fn replaced(tokens: &[AgentToken], now: Timestamp) -> Vec<AgentTokenId> {
    let mut active: Vec<&AgentToken> = tokens.iter().filter(|token| token.judge(now).is_ok()).collect();
    active.sort_unstable_by_key(|token| (token.issued_at, token.id));
    let beyond = active.len().saturating_add(1).saturating_sub(ACTIVE_MAX);
    active.into_iter().take(beyond).map(|token| token.id).collect()
}

#[cfg(test)]
mod tests {
    use aegis_core::moment::Moment;
    use proptest::prelude::*;

    use super::*;

    fn tokens(lives: &[(i64, i64)]) -> Vec<AgentToken> {
        let at = Timestamp::from_seconds;
        let mut moment = Moment::new(at(0), Entropy::from_seed([1; 32]));
        let token = |(issued, expires): &(i64, i64)| AgentToken {
            id: moment.new_id(),
            issued_at: at(*issued),
            expires_at: at(*expires),
            ended: None,
        };
        lives.iter().map(token).collect()
    }

    /// The form is the contract's: prefix, 43 and 6 characters.
    #[test]
    fn form_is_the_contracts() {
        let token = AgentTokenSecret::generate(&mut Entropy::from_seed([1; 32]));
        assert_eq!(token.reveal().len(), PREFIX.len() + 49);
        assert_eq!(AgentTokenSecret::parse(token.reveal()).unwrap().digest(), token.digest());
        assert_eq!(AgentTokenSecret::parse("aegis_live_xxxxxxxxxxxxxxxx").err(), Some(Flaw::Form));
        let typo = token.reveal().replace(|c: char| c.is_ascii_uppercase(), "a");
        assert_eq!(AgentTokenSecret::parse(&typo).err(), Some(Flaw::Checksum));
    }

    /// The sixth token takes the place of the oldest active one; expired ones count for nothing.
    #[test]
    fn sixth_replaces_the_oldest() {
        let now = Timestamp::from_seconds(100);
        let all = tokens(&[(5, 1_000), (3, 1_000), (4, 1_000), (1, 100), (6, 1_000), (7, 1_000)]);
        assert_eq!(replaced(&all, now), [all[1].id]);
        assert_eq!(replaced(&all[..4], now), []);
    }

    proptest! {
        /// Invariant 17: once found expired, a token is expired at every instant.
        #[test]
        fn expired_stays_expired(expires in 0_i64..100, seen in 0_i64..200, later in -200_i64..200) {
            let mut token = tokens(&[(0, expires)])[0];
            if token.judge(Timestamp::from_seconds(seen)) == Err(TokenRefused::Expired { to_record: true }) {
                token.ended = Some(TokenEnd::Expired);
                let again = token.judge(Timestamp::from_seconds(later));
                prop_assert_eq!(again, Err(TokenRefused::Expired { to_record: false }));
            } else {
                prop_assert!(seen < expires);
            }
        }
    }
}
