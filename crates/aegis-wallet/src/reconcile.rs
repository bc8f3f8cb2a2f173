//! Reconciliation: what to do about an artefact that may have left and whose fate is not proven.
//!
//! Decided anew at each look, from what is on record and what the chain shows, so that a crash between any two looks
//! changes nothing.

use aegis_core::time::Timestamp;

use crate::action::ActionState;
use crate::evidence::Evidence;

/// How patient an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Seconds without any sight of an artefact after which its action is UNKNOWN: `reconcile.unknown_after`.
    pub unknown_after_seconds: i64,
    /// Seconds after which a stuck transaction may be displaced: `reconcile.cancel_after`.
    pub displace_after_seconds: i64,
}

/// Seconds after which an artefact that a freeze keeps from leaving is destroyed.
pub const UNSENT_SECONDS_MAX: i64 = 86_400;

/// An artefact with submit marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When the marker was set.
    pub marked_at: Timestamp,
    /// When the chain last showed it, pending or included.
    pub seen_at: Option<Timestamp>,
    /// Whether its kind can be displaced by another transaction: a wallet's own transaction can.
    pub displaceable: bool,
}

/// What the chain shows of an artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Its fate, final.
    Proven(Evidence),
    /// Included in a block that is not final yet.
    Included,
    /// Waiting to be included.
    Pending,
    /// Nothing: it may never have arrived.
    Absent,
    /// The chain cannot be read.
    Unreadable,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// End its step and, if it was the last, its action.
    Conclude(Evidence),
    /// Nothing but to look again.
    Wait,
    /// Present the same bytes again.
    Present,
    /// Present them again; or replace them by a zero-value transaction of the wallet to itself with the same account
    /// nonce. At most one of the two can be included, so neither ends the other's hold.
    Displace,
}

/// What follows from one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What to do.
    pub duty: Duty,
    /// The action's state from now on, until the duty ends it.
    pub state: ActionState,
}

/// Judges one look at an artefact of an action that is SUBMITTED or UNKNOWN. UNKNOWN is left only by proof.
pub fn look(state: ActionState, sent: &Sent, sight: Sight, patience: Patience, now: Timestamp) -> Look {
    let last = sent.seen_at.map_or(sent.marked_at, |seen| seen.max(sent.marked_at));
    let unseen = now.seconds_since(last) >= patience.unknown_after_seconds;
    let stuck = sent.displaceable && now.seconds_since(sent.marked_at) >= patience.displace_after_seconds;
    let (duty, lost) = match sight {
        Sight::Proven(evidence) => (Duty::Conclude(evidence), false),
        Sight::Pending if stuck => (Duty::Displace, false),
        Sight::Included | Sight::Pending => (Duty::Wait, false),
        Sight::Absent if stuck => (Duty::Displace, unseen),
        Sight::Absent => (Duty::Present, unseen),
        Sight::Unreadable => (Duty::Wait, unseen),
    };
    let state = if lost && state == ActionState::Submitted { ActionState::Unknown } else { state };
    Look { duty, state }
}

/// The state after presenting an artefact was answered by a transport error: nobody knows whether it arrived.
pub const fn after_transport_error(state: ActionState) -> ActionState {
    if matches!(state, ActionState::Submitted) { ActionState::Unknown } else { state }
}

/// Whether an artefact signed at `signed_at` that has no marker and may not leave is to be destroyed.
pub const fn is_stale(signed_at: Timestamp, stopped: bool, now: Timestamp) -> bool {
    stopped && now.seconds_since(signed_at) >= UNSENT_SECONDS_MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::TxHash;

    const PATIENCE: Patience = Patience { unknown_after_seconds: 60, displace_after_seconds: 600 };
    const PROOF: Evidence = Evidence::Reverted(TxHash::from_bytes([1; 32]));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn judged(sight: Sight, seen: Option<i64>, now: i64) -> (Duty, ActionState) {
        let sent = Sent { marked_at: at(0), seen_at: seen.map(at), displaceable: true };
        let look = look(ActionState::Submitted, &sent, sight, PATIENCE, at(now));
        (look.duty, look.state)
    }

    /// Each sight, before and after each patience ends.
    #[test]
    fn each_sight_has_a_duty() {
        use ActionState::{Submitted, Unknown};
        assert_eq!(judged(Sight::Absent, None, 59), (Duty::Present, Submitted));
        assert_eq!(judged(Sight::Absent, None, 60), (Duty::Present, Unknown));
        assert_eq!(judged(Sight::Absent, Some(30), 60), (Duty::Present, Submitted));
        assert_eq!(judged(Sight::Unreadable, Some(0), 60), (Duty::Wait, Unknown));
        assert_eq!(judged(Sight::Pending, Some(599), 599), (Duty::Wait, Submitted));
        assert_eq!(judged(Sight::Pending, Some(599), 600), (Duty::Displace, Submitted));
        assert_eq!(judged(Sight::Included, Some(599), 9_999), (Duty::Wait, Submitted));
        assert_eq!(judged(Sight::Proven(PROOF), None, 9_999), (Duty::Conclude(PROOF), Submitted));
        let fixed = Sent { marked_at: at(0), seen_at: None, displaceable: false };
        let look = look(ActionState::Submitted, &fixed, Sight::Absent, PATIENCE, at(9_999));
        assert_eq!(look.duty, Duty::Present, "an authorization cannot be displaced");
        assert_eq!(after_transport_error(Submitted), Unknown);
        assert!(is_stale(at(0), true, at(86_400)) && !is_stale(at(0), false, at(86_400)));
    }

    proptest! {
        /// Invariants 10 and 11: an action is concluded by proof alone, and what was unknown stays so until then.
        #[test]
        fn only_proof_concludes(kind in 0_u8..5, now in 0_i64..2_000, seen in prop::option::of(0_i64..2_000), unknown: bool) {
            let sight = match kind {
                0 => Sight::Proven(PROOF),
                1 => Sight::Included,
                2 => Sight::Pending,
                3 => Sight::Absent,
                _ => Sight::Unreadable,
            };
            let state = if unknown { ActionState::Unknown } else { ActionState::Submitted };
            let sent = Sent { marked_at: at(0), seen_at: seen.map(at), displaceable: true };
            let look = look(state, &sent, sight, PATIENCE, at(now));
            prop_assert_eq!(matches!(look.duty, Duty::Conclude(_)), kind == 0);
            prop_assert!(look.state == state || state.enter(look.state).is_ok());
        }
    }
}
