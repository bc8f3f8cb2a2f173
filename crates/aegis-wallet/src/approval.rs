//! Approvals: people decide what an agent may not decide alone.

use aegis_core::closed_set;
use aegis_core::time::Timestamp;

use crate::ids::ApproverId;
use crate::policy::Policy;
use crate::stop::Stop;
use crate::totp::TotpSecret;

/// Wrong codes in a row that lock an approver.
pub const WRONG_CODES_MAX: u8 = 5;
/// How long a locked approver stays so.
pub const LOCK_SECONDS: i64 = 900;

closed_set! {
    /// Where an approval is in its life.
    ApprovalState {
        /// People may decide.
        Pending = "PENDING",
        /// Enough people said yes.
        Approved = "APPROVED",
        /// Somebody said no.
        Denied = "DENIED",
        /// Nobody decided in time.
        Expired = "EXPIRED",
        /// The agent withdrew its action.
        Cancelled = "CANCELLED",
    }
}

closed_set! {
    /// What a person says.
    Say {
        /// Yes.
        Approve = "approve",
        /// No.
        Deny = "deny",
    }
}

/// One person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whose.
    pub approver: ApproverId,
    /// What.
    pub say: Say,
    /// When.
    pub at: Timestamp,
}

/// One parked action, waiting for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// How many different people must say yes.
    pub required: u8,
    /// What was said so far.
    pub decisions: Vec<Decision>,
    /// Its place in its life.
    pub state: ApprovalState,
    /// From when on nobody can decide.
    pub expires_at: Timestamp,
}

/// `APPROVAL_NOT_PENDING` with `details.reason`
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPending {
    /// It was decided, withdrawn, or its time is over.
    #[error("the approval is {0}")]
    Over(ApprovalState),
    /// The agent is stopped; what is parked cannot be approved.
    #[error("the agent is stopped: {0}")]
    Stopped(Stop),
    /// This person said yes before.
    #[error("this approver has approved before")]
    SaidBefore,
}

impl NotPending {
    /// `details.reason`
    pub const fn reason(&self) -> &'static str {
        match self {
            NotPending::Over(ApprovalState::Expired) => "expired",
            NotPending::Over(ApprovalState::Cancelled) => "cancelled",
            NotPending::Over(ApprovalState::Approved | ApprovalState::Denied | ApprovalState::Pending) => {
                "decided"
            }
            NotPending::Stopped(_) => "frozen",
            NotPending::SaidBefore => "already_approved",
        }
    }
}

impl Approval {
    /// What a policy asks for an action parked at `now`.
    pub fn request(policy: &Policy, now: Timestamp) -> Approval {
        Approval {
            required: policy.approvals_required,
            decisions: Vec::new(),
            state: ApprovalState::Pending,
            expires_at: now.plus_seconds(i64::from(policy.approval_ttl_seconds)),
        }
    }

    /// What it is at `now`: a pending one whose time is over has expired.
    pub fn state_at(&self, now: Timestamp) -> ApprovalState {
        let over = self.state == ApprovalState::Pending && self.expires_at <= now;
        if over { ApprovalState::Expired } else { self.state }
    }

    /// The approval to store once its time is over, with the end of its action; nothing while it is not. Whoever finds
    /// it so stores it, so that no clock brings it back.
    pub fn lapse(&self, now: Timestamp) -> Option<Approval> {
        let state = self.state_at(now);
        (state != self.state).then(|| Approval { state, ..self.clone() })
    }

    /// One person's word, their code being right. One no ends it; so many different people's yes approve it.
    ///
    /// # Errors
    /// [`NotPending`]. Nobody can approve for a stopped agent, but anyone may deny.
    pub fn decide(
        &self,
        approver: ApproverId,
        say: Say,
        stop: Option<Stop>,
        now: Timestamp,
    ) -> Result<Approval, NotPending> {
        let state = self.state_at(now);
        if state != ApprovalState::Pending {
            return Err(NotPending::Over(state));
        }
        if say == Say::Approve {
            if let Some(stop) = stop {
                return Err(NotPending::Stopped(stop));
            }
            if self.decisions.iter().any(|decision| decision.approver == approver) {
                return Err(NotPending::SaidBefore);
            }
        }
        let mut decided = self.clone();
        decided.decisions.push(Decision { approver, say, at: now });
        // While it is pending every word is a yes, and each is another person's.
        let enough = decided.decisions.len() >= usize::from(self.required.max(1));
        decided.state = match say {
            Say::Deny => ApprovalState::Denied,
            Say::Approve if enough => ApprovalState::Approved,
            Say::Approve => ApprovalState::Pending,
        };
        Ok(decided)
    }

    /// Withdraws it with its action.
    ///
    /// # Errors
    /// [`NotPending::Over`]: `NOT_CANCELLABLE`.
    pub fn cancel(&self, now: Timestamp) -> Result<Approval, NotPending> {
        let state = self.state_at(now);
        if state != ApprovalState::Pending {
            return Err(NotPending::Over(state));
        }
        Ok(Approval { state: ApprovalState::Cancelled, ..self.clone() })
    }

    /// Whether it permits to sign.
    pub fn permits(&self) -> bool {
        self.state == ApprovalState::Approved
    }
}

/// What an approver's codes have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodeRecord {
    /// Wrong codes since the last right one or the last lock.
    pub wrong: u8,
    /// Until when no code is looked at.
    pub locked_until: Option<Timestamp>,
    /// The last step whose code was used.
    pub last_step: Option<i64>,
}

/// `APPROVER_CODE_INVALID`
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeInvalid {
    /// Wrong, or used before.
    #[error("the code is wrong or was used before")]
    Wrong,
    /// Too many wrong ones before it.
    #[error("too many wrong codes; this approver is locked")]
    Locked,
}

impl CodeRecord {
    /// Tries `code`. The record that comes with the outcome is to be committed before the outcome is answered.
    pub fn attempt(
        self,
        secret: &TotpSecret,
        code: &str,
        now: Timestamp,
    ) -> (CodeRecord, Result<(), CodeInvalid>) {
        if self.locked_until.is_some_and(|until| now < until) {
            return (self, Err(CodeInvalid::Locked));
        }
        if let Some(step) = secret.matching_step(code, now, self.last_step) {
            return (CodeRecord { wrong: 0, locked_until: None, last_step: Some(step) }, Ok(()));
        }
        let wrong = self.wrong.saturating_add(1);
        let record = if wrong >= WRONG_CODES_MAX {
            CodeRecord { wrong: 0, locked_until: Some(now.plus_seconds(LOCK_SECONDS)), ..self }
        } else {
            CodeRecord { wrong, locked_until: None, ..self }
        };
        (record, Err(CodeInvalid::Wrong))
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::entropy::Entropy;
    use aegis_core::moment::Moment;
    use proptest::prelude::*;

    use super::*;
    use crate::stop::FreezeScope;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn people() -> [ApproverId; 3] {
        let mut moment = Moment::new(at(0), Entropy::from_seed([1; 32]));
        std::array::from_fn(|_| moment.new_id())
    }

    fn pending(required: u8) -> Approval {
        Approval::request(&Policy { approvals_required: required, ..Policy::default() }, at(0))
    }

    /// Refusals carry their reason; a denial needs no running agent, and may come from who approved before.
    #[test]
    fn reasons_are_named() {
        let [one, two, _] = people();
        let stop = Some(Stop::Frozen(FreezeScope::Agent));
        let reason = |result: Result<Approval, NotPending>| result.unwrap_err().reason();
        assert_eq!(reason(pending(1).decide(one, Say::Approve, stop, at(1))), "frozen");
        assert_eq!(reason(pending(1).decide(one, Say::Approve, None, at(86_400))), "expired");
        let half = pending(2).decide(one, Say::Approve, None, at(1)).unwrap();
        assert_eq!(reason(half.decide(one, Say::Approve, None, at(2))), "already_approved");
        let denied = half.decide(one, Say::Deny, stop, at(2)).unwrap();
        assert_eq!((denied.state, denied.permits()), (ApprovalState::Denied, false));
        assert_eq!(reason(denied.decide(two, Say::Approve, None, at(3))), "decided");
        assert_eq!(reason(denied.cancel(at(3))), "decided");
        let cancelled = half.cancel(at(3)).unwrap();
        assert_eq!(reason(cancelled.decide(two, Say::Approve, None, at(3))), "cancelled");
        assert!(half.decide(two, Say::Approve, None, at(3)).unwrap().permits());
    }

    /// Invariant 17: an approval found too old stays so, whatever the clock says later.
    #[test]
    fn expired_stays_expired() {
        assert_eq!(pending(1).lapse(at(86_399)), None);
        let over = pending(1).lapse(at(86_400)).unwrap();
        assert_eq!(over.state, ApprovalState::Expired);
        let late = over.decide(people()[0], Say::Approve, None, at(0));
        assert_eq!(late, Err(NotPending::Over(ApprovalState::Expired)));
    }

    /// Five wrong codes in a row lock for fifteen minutes; the right one is not looked at meanwhile.
    #[test]
    fn wrong_codes_lock() {
        let secret = TotpSecret::from_bytes([9; 20]);
        let right = |seconds: i64| secret.code_at(at(seconds));
        let mut record = CodeRecord::default();
        for _ in 0..4 {
            record = record.attempt(&secret, "", at(0)).0;
        }
        let (used, outcome) = record.attempt(&secret, &right(0), at(0));
        assert_eq!((used.wrong, outcome), (0, Ok(())));
        assert_eq!(used.attempt(&secret, &right(0), at(1)).1, Err(CodeInvalid::Wrong), "used before");
        let (locked, outcome) = record.attempt(&secret, "", at(0));
        assert_eq!(outcome, Err(CodeInvalid::Wrong));
        assert_eq!(locked.attempt(&secret, &right(899), at(899)), (locked, Err(CodeInvalid::Locked)));
        assert_eq!(locked.attempt(&secret, &right(900), at(900)).1, Ok(()));
    }

    proptest! {
        /// Invariant 14: an action is signed only after the required number of different people approved in time,
        /// nobody denied, and the agent ran at each yes.
        #[test]
        fn needs_distinct_timely_people(
            required in 1_u8..=3, steps in prop::collection::vec((0_usize..3, any::<bool>(), any::<bool>(), 0_i64..40_000), 0..12),
        ) {
            let mut approval = pending(required);
            let mut now = 0;
            for (person, yes, frozen, later) in steps {
                now += later;
                let say = if yes { Say::Approve } else { Say::Deny };
                let stop = frozen.then_some(Stop::Suspended);
                let Ok(next) = approval.decide(people()[person], say, stop, at(now)) else { continue };
                prop_assert!(now < 86_400 && !(yes && frozen));
                approval = next;
            }
            let mut said_yes: Vec<_> =
                approval.decisions.iter().filter(|said| said.say == Say::Approve).map(|said| said.approver).collect();
            said_yes.sort_unstable();
            said_yes.dedup();
            let denied = approval.decisions.iter().any(|said| said.say == Say::Deny);
            prop_assert_eq!(approval.permits(), said_yes.len() == usize::from(required) && !denied);
        }
    }
}
