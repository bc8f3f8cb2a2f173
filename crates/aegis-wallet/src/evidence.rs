//! Proof of what became of a signed artefact: the only thing that ends a hold.

use std::fmt;

use crate::address::TxHash;

/// What the chain or our own record proves about an action's artefact. Facts of a chain are final ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The transaction succeeded.
    Included(TxHash),
    /// The transaction was reverted.
    Reverted(TxHash),
    /// This other transaction used the account nonce.
    Displaced(TxHash),
    /// The payment authorization was used, in this transaction.
    AuthorizationUsed(TxHash),
    /// This transaction cancelled the payment authorization.
    AuthorizationCancelled(TxHash),
    /// This block is later than the payment authorization's end, and the authorization was not used.
    AuthorizationLapsed(u64),
    /// Nothing was ever signed.
    NeverSigned,
    /// It was signed, has no submit marker, and was destroyed.
    NeverSent,
}

/// Whether an artefact moved the principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It did.
    Moved,
    /// It did not and never can.
    Unmoved,
}

impl Evidence {
    /// What it proves.
    pub const fn fate(&self) -> Fate {
        match self {
            Evidence::Included(_) | Evidence::AuthorizationUsed(_) => Fate::Moved,
            Evidence::Reverted(_)
            | Evidence::Displaced(_)
            | Evidence::AuthorizationCancelled(_)
            | Evidence::AuthorizationLapsed(_)
            | Evidence::NeverSigned
            | Evidence::NeverSent => Fate::Unmoved,
        }
    }

    /// The `details.reason` of a failure it proves, where the contract has a word for it.
    pub const fn failure(&self) -> Option<&'static str> {
        match self {
            Evidence::Reverted(_) => Some("reverted"),
            Evidence::Displaced(_) => Some("displaced"),
            Evidence::AuthorizationLapsed(_) | Evidence::NeverSent => Some("expired"),
            Evidence::Included(_)
            | Evidence::AuthorizationUsed(_)
            | Evidence::AuthorizationCancelled(_)
            | Evidence::NeverSigned => None,
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Evidence::Included(_) => "included",
            Evidence::Reverted(_) => "reverted",
            Evidence::Displaced(_) => "displaced",
            Evidence::AuthorizationUsed(_) => "authorization_used",
            Evidence::AuthorizationCancelled(_) => "authorization_cancelled",
            Evidence::AuthorizationLapsed(_) => "authorization_lapsed",
            Evidence::NeverSigned => "never_signed",
            Evidence::NeverSent => "never_sent",
        }
    }

    /// Reads the form it is written in.
    pub fn parse(text: &str) -> Option<Evidence> {
        let (word, fact) = text.split_once(':').unwrap_or((text, ""));
        let hash = || TxHash::parse(fact);
        let found = match word {
            "included" => Evidence::Included(hash()?),
            "reverted" => Evidence::Reverted(hash()?),
            "displaced" => Evidence::Displaced(hash()?),
            "authorization_used" => Evidence::AuthorizationUsed(hash()?),
            "authorization_cancelled" => Evidence::AuthorizationCancelled(hash()?),
            "authorization_lapsed" => Evidence::AuthorizationLapsed(fact.parse().ok()?),
            "never_signed" => Evidence::NeverSigned,
            "never_sent" => Evidence::NeverSent,
            _ => return None,
        };
        (found.to_string() == text).then_some(found)
    }
}

/// Writes a word and its fact, `reverted:0x…`: the `hold.proof` of an action.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Included(hash)
            | Evidence::Reverted(hash)
            | Evidence::Displaced(hash)
            | Evidence::AuthorizationUsed(hash)
            | Evidence::AuthorizationCancelled(hash) => write!(f, "{}:{hash}", self.word()),
            Evidence::AuthorizationLapsed(block) => write!(f, "{}:{block}", self.word()),
            Evidence::NeverSigned | Evidence::NeverSent => f.write_str(self.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind survives its text; a fact too many, or one missing, is refused.
    #[test]
    fn text_keeps_the_fact() {
        let hash = TxHash::from_bytes([7; 32]);
        for evidence in [
            Evidence::Included(hash),
            Evidence::Reverted(hash),
            Evidence::Displaced(hash),
            Evidence::AuthorizationUsed(hash),
            Evidence::AuthorizationCancelled(hash),
            Evidence::AuthorizationLapsed(9),
            Evidence::NeverSigned,
            Evidence::NeverSent,
        ] {
            assert_eq!(Evidence::parse(&evidence.to_string()), Some(evidence));
            assert!(evidence.fate() == Fate::Unmoved || evidence.failure().is_none());
        }
        for bad in ["reverted", "never_signed:", "authorization_lapsed:x", "authorization_lapsed:09", "lost"]
        {
            assert_eq!(Evidence::parse(bad), None, "{bad}");
        }
    }
}
