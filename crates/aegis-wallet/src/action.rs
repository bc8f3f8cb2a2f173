//! Actions: their kinds, their states, and what each end of one does to its hold.

use aegis_core::closed_set;

use crate::code::Code;
use crate::evidence::{Evidence, Fate};
use crate::hold::{Ended, Hold, HoldRefused, Spent};
use crate::ledger::{self, Entry};

closed_set! {
    /// What an action does, as lists and receipts call it.
    ActionType {
        /// Moves tokens to an address.
        Transfer = "TRANSFER",
        /// Pays a service by x402.
        X402Pay = "X402_PAY",
        /// Moves USDC to another chain.
        CctpBridgeUsdc = "CCTP_BRIDGE_USDC",
        /// Exchanges one token for another.
        TokenSwap = "TOKEN_SWAP",
        /// Puts USDC into a vault.
        YieldDeposit = "YIELD_DEPOSIT",
        /// Takes shares out of a vault.
        YieldWithdraw = "YIELD_WITHDRAW",
        /// Divides USDC between strategies.
        MultiYieldDeposit = "MULTI_YIELD_DEPOSIT",
        /// Closes a liquidity position.
        SynthraV3Withdraw = "SYNTHRA_V3_WITHDRAW",
        /// Registers a limit order.
        RegisterLimitOrder = "REGISTER_LIMIT_ORDER",
        /// Registers a schedule.
        RegisterDcaSchedule = "REGISTER_DCA_SCHEDULE",
        /// Sells what lost value.
        TaxLossHarvest = "TAX_LOSS_HARVEST",
        /// One execution of a limit order.
        WealthAutoLimitOrder = "WEALTH_AUTO_LIMIT_ORDER",
        /// One execution of a schedule.
        WealthAutoDca = "WEALTH_AUTO_DCA",
        /// An inbound transfer of a known token.
        Deposit = "DEPOSIT",
    }
}

closed_set! {
    /// What an agent may ask for, by the endpoint's path behind `/v1/actions/`: the words of a policy's `actions`.
    FinancialAction {
        /// [`ActionType::Transfer`]
        Transfer = "transfer",
        /// [`ActionType::X402Pay`]
        Pay = "pay",
        /// [`ActionType::CctpBridgeUsdc`]
        Bridge = "bridge",
        /// [`ActionType::TokenSwap`]
        Swap = "swap",
        /// [`ActionType::YieldDeposit`]
        YieldDeposit = "yield/deposit",
        /// [`ActionType::YieldWithdraw`]
        YieldWithdraw = "yield/withdraw",
        /// [`ActionType::RegisterLimitOrder`]
        LimitOrder = "wealth/limitOrder",
        /// [`ActionType::RegisterDcaSchedule`]
        Dca = "wealth/dca",
        /// [`ActionType::MultiYieldDeposit`]
        MultiYield = "wealth/multiYield",
        /// [`ActionType::SynthraV3Withdraw`]
        SynthraWithdraw = "wealth/yield/synthra/withdraw",
        /// [`ActionType::TaxLossHarvest`]
        Harvest = "audit/harvest",
    }
}

closed_set! {
    /// Who began an action.
    Origin {
        /// A request of the agent.
        Agent = "agent",
        /// An order or schedule.
        Worker = "worker",
        /// Somebody who paid the wallet.
        Chain = "chain",
    }
}

closed_set! {
    /// Where an action is in its life.
    ActionState {
        /// Parked until people decide; hold placed, nothing signed.
        AwaitingApproval = "AWAITING_APPROVAL",
        /// Committed; nothing signed.
        Accepted = "ACCEPTED",
        /// An artefact is kept; its bytes have not left.
        Signed = "SIGNED",
        /// The submit marker is kept; the bytes may have left.
        Submitted = "SUBMITTED",
        /// Its fate is not readable at the moment.
        Unknown = "UNKNOWN",
        /// Final on the chain, or done without one.
        Success = "SUCCESS",
        /// The principal did not move and never will.
        Failed = "FAILED",
        /// Policy or balance refused it.
        Refused = "REFUSED",
        /// A person said no.
        Denied = "DENIED",
        /// Nobody decided in time.
        Expired = "EXPIRED",
        /// Withdrawn while parked.
        Cancelled = "CANCELLED",
    }
}

closed_set! {
    /// The coarse word for a state.
    ActionStatus {
        /// Nothing signed yet.
        Pending = "PENDING",
        /// Signed or under way.
        Processing = "PROCESSING",
        /// Done.
        Success = "SUCCESS",
        /// Not readable at the moment.
        Unknown = "UNKNOWN",
        /// Ended without moving the principal.
        Failed = "FAILED",
    }
}

/// The state machine has no such step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action that is {from} does not become {to}")]
pub struct NoSuchStep {
    /// The state it is in.
    pub from: ActionState,
    /// The state it was to enter.
    pub to: ActionState,
}

impl ActionState {
    /// Its coarse word.
    pub const fn status(self) -> ActionStatus {
        match self {
            ActionState::AwaitingApproval | ActionState::Accepted => ActionStatus::Pending,
            ActionState::Signed | ActionState::Submitted => ActionStatus::Processing,
            ActionState::Unknown => ActionStatus::Unknown,
            ActionState::Success => ActionStatus::Success,
            ActionState::Failed
            | ActionState::Refused
            | ActionState::Denied
            | ActionState::Expired
            | ActionState::Cancelled => ActionStatus::Failed,
        }
    }

    /// Whether it never changes again.
    pub const fn is_final(self) -> bool {
        matches!(self.status(), ActionStatus::Success | ActionStatus::Failed)
    }

    /// The states it may enter next.
    pub const fn next(self) -> &'static [ActionState] {
        use ActionState as S;
        match self {
            S::AwaitingApproval => &[S::Accepted, S::Denied, S::Expired, S::Cancelled],
            S::Accepted => &[S::Signed, S::Success, S::Failed],
            S::Signed => &[S::Submitted, S::Failed],
            S::Submitted => &[S::Success, S::Failed, S::Unknown],
            S::Unknown => &[S::Success, S::Failed],
            S::Success | S::Failed | S::Refused | S::Denied | S::Expired | S::Cancelled => &[],
        }
    }

    /// Enters `to`.
    ///
    /// # Errors
    /// [`NoSuchStep`] if the state machine has no such step.
    pub fn enter(self, to: ActionState) -> Result<ActionState, NoSuchStep> {
        if self.next().contains(&to) { Ok(to) } else { Err(NoSuchStep { from: self, to }) }
    }

    /// The code its idempotency key answers with from then on: of the ends that come after commit. What ended as
    /// REFUSED, or as FAILED by a refusal after its approval, has the refusal's own.
    pub const fn code(self) -> Option<Code> {
        match self {
            ActionState::Failed => Some(Code::ExecutionFailed),
            ActionState::Denied => Some(Code::ApprovalDenied),
            ActionState::Expired => Some(Code::ApprovalExpired),
            ActionState::Cancelled => Some(Code::ActionCancelled),
            ActionState::AwaitingApproval
            | ActionState::Accepted
            | ActionState::Signed
            | ActionState::Submitted
            | ActionState::Unknown
            | ActionState::Success
            | ActionState::Refused => None,
        }
    }

    /// Whether `evidence` can exist for an action in this state.
    const fn admits(self, evidence: &Evidence) -> bool {
        match evidence {
            Evidence::NeverSigned => matches!(self, ActionState::AwaitingApproval | ActionState::Accepted),
            Evidence::NeverSent => matches!(self, ActionState::Signed),
            Evidence::Included(_)
            | Evidence::Reverted(_)
            | Evidence::Displaced(_)
            | Evidence::AuthorizationUsed(_)
            | Evidence::AuthorizationCancelled(_)
            | Evidence::AuthorizationLapsed(_) => {
                matches!(self, ActionState::Submitted | ActionState::Unknown)
            }
        }
    }
}

/// An action does not end so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEnded {
    /// The state machine has no such step.
    #[error(transparent)]
    NoSuchStep(#[from] NoSuchStep),
    /// The evidence cannot exist in this state, or proves another end.
    #[error("the evidence does not prove that the action is {0}")]
    Unproven(ActionState),
    /// The hold does not end so.
    #[error(transparent)]
    Hold(#[from] HoldRefused),
}

/// An action at its end, to be committed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// Its final state.
    pub state: ActionState,
    /// Its hold's end; an action without hold (a registration) has none.
    pub ended: Option<Ended>,
    /// What the ledger records.
    pub entry: Option<Entry>,
}

/// Ends an action in state `from` as `to`, with its hold, by what `evidence` proves.
///
/// SUCCESS needs proof that the principal moved, or that nothing was ever signed (a free service, a registration).
/// Every other end needs proof that it did not move and never will.
///
/// # Errors
/// [`NotEnded`]; nothing is to be written then.
pub fn conclude(
    from: ActionState,
    to: ActionState,
    hold: Option<&Hold>,
    spent: Spent,
    evidence: Evidence,
) -> Result<Conclusion, NotEnded> {
    let state = from.enter(to)?;
    let fate_fits = match state.status() {
        ActionStatus::Success => evidence.fate() == Fate::Moved || evidence == Evidence::NeverSigned,
        ActionStatus::Failed => evidence.fate() == Fate::Unmoved,
        ActionStatus::Pending | ActionStatus::Processing | ActionStatus::Unknown => false,
    };
    let holdless_fits = hold.is_some() || spent == Spent::NOTHING;
    if !fate_fits || !holdless_fits || !from.admits(&evidence) {
        return Err(NotEnded::Unproven(to));
    }
    let ended = hold.map(|hold| hold.end(spent, evidence)).transpose()?;
    let entry = ended.as_ref().map(ledger::end);
    Ok(Conclusion { state, ended, entry })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::TxHash;
    use crate::amount::Atoms;
    use crate::hold::tests::usdc;
    use crate::hold::{Counting, HoldState};

    const HASH: TxHash = TxHash::from_bytes([1; 32]);

    /// The table of the contract, step by step; no state leads back, and final ones lead nowhere.
    #[test]
    fn steps_are_the_contracts() {
        use ActionState as S;
        let mut steps = 0;
        for from in S::ALL {
            for to in S::ALL {
                let legal = from.enter(*to).is_ok();
                steps += usize::from(legal);
                assert!(!legal || from < to, "{from} -> {to}");
                assert!(!legal || !from.is_final());
            }
        }
        assert_eq!(steps, 14);
        assert_eq!(S::Accepted.enter(S::Unknown), Err(NoSuchStep { from: S::Accepted, to: S::Unknown }));
        assert!(S::ALL.iter().filter(|state| state.is_final()).all(|state| state.next().is_empty()));
    }

    /// Invariant 10: SUCCESS only with proof that the principal moved or that nothing was signed, FAILED only with
    /// proof that it did not, over every state, end and evidence.
    #[test]
    fn ends_are_truthful() {
        let hold = Hold::open(usdc(100), usdc(10), Counting::Spending).unwrap();
        let evidence = [
            Evidence::Included(HASH),
            Evidence::Reverted(HASH),
            Evidence::Displaced(HASH),
            Evidence::AuthorizationUsed(HASH),
            Evidence::AuthorizationCancelled(HASH),
            Evidence::AuthorizationLapsed(1),
            Evidence::NeverSigned,
            Evidence::NeverSent,
        ];
        let mut ends = 0;
        for (from, to) in
            ActionState::ALL.iter().flat_map(|from| ActionState::ALL.iter().map(move |to| (*from, *to)))
        {
            for proof in evidence {
                let principal = if proof.fate() == Fate::Moved { 100 } else { 0 };
                let spent = Spent { principal: Atoms::new(principal), fee: Atoms::ZERO };
                let Ok(end) = conclude(from, to, Some(&hold), spent, proof) else { continue };
                ends += 1;
                let ended = end.ended.unwrap();
                assert!(end.state.is_final());
                assert_ne!(ended.hold.state(), HoldState::Held, "invariant 6: no hold outlives its action");
                let moved = ended.spent.principal == Atoms::new(100);
                assert!(!moved || end.state == ActionState::Success);
                assert!(moved || end.state != ActionState::Success || proof == Evidence::NeverSigned);
                assert!(!end.entry.unwrap().postings().is_empty());
            }
        }
        assert_eq!(ends, 2 * (2 + 4) + 2 + 1 + 3, "submitted and unknown; accepted; signed; parked");
    }

    /// Every end after commit is kept under its key.
    #[test]
    fn ends_are_kept() {
        let codes: Vec<Code> = ActionState::ALL.iter().filter_map(|state| state.code()).collect();
        assert_eq!(codes.len(), 4);
        assert!(codes.into_iter().all(Code::is_stored));
    }

    /// A registration ends without hold and without a posting; it cannot have cost anything.
    #[test]
    fn registrations_have_no_hold() {
        let (from, to) = (ActionState::Accepted, ActionState::Success);
        let end = conclude(from, to, None, Spent::NOTHING, Evidence::NeverSigned).unwrap();
        assert_eq!((end.ended, end.entry), (None, None));
        let paid = Spent { principal: Atoms::new(1), fee: Atoms::ZERO };
        assert_eq!(conclude(from, to, None, paid, Evidence::NeverSigned), Err(NotEnded::Unproven(to)));
    }
}
