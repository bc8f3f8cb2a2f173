//! How much harm an agent could do, and what follows from it.

use crate::closed_set::closed_set;

closed_set! {
    /// The risk an operator declares for an agent, lowest first.
    Risk {
        /// Rank 0.
        Minimal = "minimal",
        /// Rank 1.
        Limited = "limited",
        /// Rank 2.
        High = "high",
        /// Rank 3.
        Critical = "critical",
    }
}

/// Seconds of the default lifetime below `critical` (365 d).
const TTL_DEFAULT_SECONDS: u32 = 31_536_000;
/// Seconds of the longest lifetime anyone may ask for (366 d, so that a leap year fits).
pub const TTL_MAX_SECONDS: u32 = 31_622_400;
/// Seconds of the shortest lifetime: below that a passport expires in flight.
pub const TTL_MIN_SECONDS: u32 = 60;
/// Seconds a critical agent's passport lives at most, and by default (90 d).
const TTL_CRITICAL_SECONDS: u32 = 7_776_000;

impl Risk {
    /// The longest a verifier may go without fresh status; also the default budget.
    pub const fn staleness_max_seconds(self) -> u32 {
        match self {
            Risk::Critical => 60,
            Risk::High => 300,
            Risk::Limited => 3_600,
            Risk::Minimal => 86_400,
        }
    }

    /// Lifetime of a passport when the request does not say.
    pub const fn ttl_default_seconds(self) -> u32 {
        match self {
            Risk::Critical => TTL_CRITICAL_SECONDS,
            Risk::Minimal | Risk::Limited | Risk::High => TTL_DEFAULT_SECONDS,
        }
    }

    /// Longest lifetime of a passport.
    pub const fn ttl_max_seconds(self) -> u32 {
        match self {
            Risk::Critical => TTL_CRITICAL_SECONDS,
            Risk::Minimal | Risk::Limited | Risk::High => TTL_MAX_SECONDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Higher risk never means a longer life or staler status.
    #[test]
    fn bounds_fall_with_risk() {
        for pair in Risk::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].staleness_max_seconds() > pair[1].staleness_max_seconds());
            assert!(pair[0].ttl_max_seconds() >= pair[1].ttl_max_seconds());
        }
        assert_eq!(Risk::parse("Critical"), None);
    }
}
