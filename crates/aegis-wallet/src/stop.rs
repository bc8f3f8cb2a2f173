//! The kill switch as a value: what makes an agent stop, and how far it reaches.

use aegis_core::closed_set;

closed_set! {
    /// Whom a freeze stops, the widest first.
    FreezeScope {
        /// Every agent.
        Instance = "instance",
        /// The agents of one organization.
        Org = "org",
        /// One agent.
        Agent = "agent",
    }
}

/// Why no spending may start and nothing unsent may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A freeze of this scope is in force.
    #[error("frozen: {0}")]
    Frozen(FreezeScope),
    /// The agent is suspended or revoked, its passport is revoked, or its organization is suspended.
    #[error("suspended")]
    Suspended,
}

impl Stop {
    /// What stops an agent, given its standing and all freezes that reach it: suspension before any freeze, of
    /// these the widest.
    pub fn of(suspended: bool, freezes: impl IntoIterator<Item = FreezeScope>) -> Option<Stop> {
        if suspended { Some(Stop::Suspended) } else { freezes.into_iter().min().map(Stop::Frozen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One freeze is enough, the widest is named, suspension beats them.
    #[test]
    fn widest_stop_is_named() {
        assert_eq!(Stop::of(false, []), None);
        let both = [FreezeScope::Agent, FreezeScope::Instance];
        assert_eq!(Stop::of(false, both), Some(Stop::Frozen(FreezeScope::Instance)));
        assert_eq!(Stop::of(true, both), Some(Stop::Suspended));
    }
}
