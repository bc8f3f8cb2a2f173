//! Steps of an action: each has at most one artefact that can still take effect.

use aegis_core::closed_set;

use crate::evidence::{Evidence, Fate};
use crate::stop::Stop;

/// Artefacts one step may have, one after the other.
pub const ATTEMPTS_MAX: u8 = 3;

closed_set! {
    /// Where a step is.
    StepState {
        /// Not begun.
        Pending = "PENDING",
        /// Its artefact is kept.
        Signed = "SIGNED",
        /// Its submit marker is kept.
        Submitted = "SUBMITTED",
        /// Final on the chain.
        Confirmed = "CONFIRMED",
        /// Its last artefact can never take effect.
        Failed = "FAILED",
        /// Not needed.
        Skipped = "SKIPPED",
    }
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where it is.
    pub state: StepState,
    /// Artefacts signed for it.
    pub attempts: u8,
    /// What became of the last artefact, once that is proven.
    pub evidence: Option<Evidence>,
}

/// A step does not go on so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepRefused {
    /// Not from here.
    #[error("a step that is {0} does not go on so")]
    NotFrom(StepState),
    /// The last artefact may still take effect.
    #[error("the last artefact may still take effect")]
    StillLive,
    /// It was tried [`ATTEMPTS_MAX`] times.
    #[error("the step was tried {ATTEMPTS_MAX} times")]
    Exhausted,
    /// Nothing may leave.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl Step {
    /// A step that has not begun.
    pub const PENDING: Step = Step { state: StepState::Pending, attempts: 0, evidence: None };

    /// Takes an artefact: the first, or another after proof that the last one never takes effect.
    ///
    /// # Errors
    /// [`StepRefused`]
    pub fn sign(self) -> Result<Step, StepRefused> {
        match self.state {
            StepState::Pending => {}
            StepState::Failed if self.evidence.is_some_and(|proof| proof.fate() == Fate::Unmoved) => {}
            StepState::Signed | StepState::Submitted | StepState::Failed => {
                return Err(StepRefused::StillLive);
            }
            StepState::Confirmed | StepState::Skipped => return Err(StepRefused::NotFrom(self.state)),
        }
        if self.attempts >= ATTEMPTS_MAX {
            return Err(StepRefused::Exhausted);
        }
        Ok(Step { state: StepState::Signed, attempts: self.attempts.saturating_add(1), evidence: None })
    }

    /// Sets the submit marker, in the transaction that looked whether the agent is stopped.
    ///
    /// # Errors
    /// [`StepRefused::Stopped`], or not signed. A marker that is set stays set: presenting the same bytes again
    /// needs no second one.
    pub fn mark(self, stop: Option<Stop>) -> Result<Step, StepRefused> {
        if self.state != StepState::Signed {
            return Err(StepRefused::NotFrom(self.state));
        }
        stop.map_or(Ok(Step { state: StepState::Submitted, ..self }), |stop| Err(stop.into()))
    }

    /// Records what became of its artefact.
    ///
    /// # Errors
    /// [`StepRefused::NotFrom`]: there is no artefact, its fate is recorded already, or one that never left is
    /// said to have been seen by the chain.
    pub fn resolve(self, evidence: Evidence) -> Result<Step, StepRefused> {
        let on_chain = !matches!(evidence, Evidence::NeverSigned | Evidence::NeverSent);
        let fits = match self.state {
            StepState::Signed => evidence == Evidence::NeverSent,
            StepState::Submitted => on_chain,
            StepState::Pending | StepState::Confirmed | StepState::Failed | StepState::Skipped => false,
        };
        let state = match evidence.fate() {
            Fate::Moved => StepState::Confirmed,
            Fate::Unmoved => StepState::Failed,
        };
        if fits {
            Ok(Step { state, evidence: Some(evidence), ..self })
        } else {
            Err(StepRefused::NotFrom(self.state))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::TxHash;
    use crate::stop::FreezeScope;

    const HASH: TxHash = TxHash::from_bytes([1; 32]);

    /// Invariant 15, the part of the rules: an artefact without marker does not leave a stopped agent, and one
    /// with marker stays as it is.
    #[test]
    fn nothing_leaves_a_stopped_agent() {
        let signed = Step::PENDING.sign().unwrap();
        for stop in [Stop::Suspended, Stop::Frozen(FreezeScope::Org)] {
            assert_eq!(signed.mark(Some(stop)), Err(StepRefused::Stopped(stop)));
        }
        let sent = signed.mark(None).unwrap();
        assert_eq!(sent.state, StepState::Submitted);
        assert_eq!(sent.mark(None), Err(StepRefused::NotFrom(StepState::Submitted)));
        assert_eq!(signed.resolve(Evidence::NeverSent).unwrap().state, StepState::Failed);
        assert_eq!(sent.resolve(Evidence::NeverSent), Err(StepRefused::NotFrom(StepState::Submitted)));
    }

    proptest! {
        /// Invariant 9: whatever is tried, no artefact is signed while an earlier one can still take effect, and at
        /// most one ever does.
        #[test]
        fn one_live_artefact(moves in prop::collection::vec(0_u8..5, 0..40)) {
            let (mut step, mut live, mut effects) = (Step::PENDING, 0, 0);
            for choice in moves {
                let (next, change) = match choice {
                    0 => (step.sign(), 1),
                    1 => (step.mark(None), 0),
                    2 => (step.resolve(Evidence::NeverSent), -1),
                    3 => (step.resolve(Evidence::Reverted(HASH)), -1),
                    _ => (step.resolve(Evidence::Included(HASH)), -1),
                };
                let Ok(next) = next else { continue };
                live += change;
                effects += u32::from(next.state == StepState::Confirmed && step.state != StepState::Confirmed);
                step = next;
                prop_assert!((0..=1).contains(&live) && effects <= 1 && step.attempts <= ATTEMPTS_MAX);
            }
        }
    }
}
