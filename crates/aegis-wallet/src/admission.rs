//! Admission: the last checks before an action is committed, in the contract's order.
//!
//! Nonce, twin, policy, balance. They are made on facts read under the agent's lock, in the transaction that
//! commits; whoever judged the same before, for an estimate or a policy check, used the same functions on older
//! facts.

use aegis_core::canonical::NotCanonical;
use aegis_core::crypto::digest::Digest;

use crate::action::{ActionState, FinancialAction};
use crate::address::Address;
use crate::asset::Coin;
use crate::balance::{Funds, InsufficientBalance, cover};
use crate::code::Code;
use crate::hold::{Hold, HoldRefused};
use crate::ids::ActionId;
use crate::ledger::{self, Entry};
use crate::nonce::{Nonce, NonceMismatch};
use crate::policy::Policy;
use crate::policy::rules::{Ask, StepUp, Verdict, evaluate, inputs_hash};
use crate::stop::Stop;
use crate::twin::{self, DuplicateSuspected, Earlier};
use crate::window::Usage;

/// What an agent wants to do, with the hold it needs. Made as one, so that what the policy judges is what is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    ask: Ask,
    hold: Hold,
}

impl Proposal {
    /// An action that moves the hold's principal to `recipient`, or for the agent itself where there is none.
    ///
    /// # Errors
    /// [`HoldRefused::Unvalued`]
    pub fn new(
        action: FinancialAction,
        recipient: Option<Address>,
        paid_before: bool,
        hold: Hold,
    ) -> Result<Proposal, HoldRefused> {
        let principal = hold.principal();
        let tokens = match principal.asset.coin {
            Coin::Token(token) => vec![token],
            Coin::Gas => Vec::new(),
        };
        let ask = Ask {
            action,
            tokens,
            chains: vec![principal.asset.chain.clone()],
            recipient,
            paid_before,
            service: None,
            principal: principal.value().ok_or(HoldRefused::Unvalued)?,
            charge: hold.amount()?,
            counting: hold.counting(),
        };
        Ok(Proposal { ask, hold })
    }

    /// What the policy judges.
    pub const fn ask(&self) -> &Ask {
        &self.ask
    }

    /// What is held.
    pub const fn hold(&self) -> &Hold {
        &self.hold
    }
}

/// What is known of an agent under its lock.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its policy.
    pub policy: &'a Policy,
    /// The policy's version.
    pub policy_version: u32,
    /// What stops it, if anything.
    pub stop: Option<Stop>,
    /// What it spent and holds, at the instant of the decision.
    pub usage: Usage,
    /// What its wallet has.
    pub funds: &'a [Funds],
}

/// What a request says about its place among the agent's actions, and what is known of that.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The agent's next nonce.
    pub expected: Nonce,
    /// The request's.
    pub received: Nonce,
    /// The most recent twin.
    pub twin: Option<Earlier>,
    /// The action the request confirms not to repeat by mistake.
    pub confirmed: Option<ActionId>,
}

/// An action is not committed. The first two leave nothing behind; the others are kept as a refused action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Another nonce is next.
    Nonce(NonceMismatch),
    /// An equal action exists.
    Twin(DuplicateSuspected),
    /// The policy refuses. Its details come from [`Verdict::available_at`] and [`Verdict::into_refusal`].
    Policy(Box<Verdict>),
    /// The wallet has not enough.
    Balance(Box<InsufficientBalance>),
}

impl Refusal {
    /// Its code, which also says whether it is stored.
    pub const fn code(&self) -> Code {
        match self {
            Refusal::Nonce(_) => Code::NonceMismatch,
            Refusal::Twin(_) => Code::DuplicateSuspected,
            Refusal::Policy(_) => Code::PolicyViolation,
            Refusal::Balance(_) => Code::InsufficientBalance,
        }
    }
}

/// Why there is no decision at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoDecision {
    /// The proposal cannot be valued.
    #[error(transparent)]
    Hold(#[from] HoldRefused),
    /// The inputs have no canonical form.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
}

/// An action to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The agent's next nonce from now on.
    pub next_nonce: Nonce,
    /// ACCEPTED, or parked until people decide.
    pub state: ActionState,
    /// Why it is parked.
    pub step_up: Option<StepUp>,
    /// What the ledger records of the hold.
    pub entry: Entry,
    /// What the decision was made on.
    pub inputs: Digest,
}

/// Decides whether `proposal` is committed now.
///
/// # Errors
/// [`NoDecision`], never for a proposal made by [`Proposal::new`]. A refusal is a decision.
pub fn admit(
    proposal: &Proposal,
    place: &Place,
    known: &Known<'_>,
) -> Result<Result<Admitted, Refusal>, NoDecision> {
    let next_nonce = match place.expected.take(place.received) {
        Ok(next_nonce) => next_nonce,
        Err(mismatch) => return Ok(Err(Refusal::Nonce(mismatch))),
    };
    if let Err(duplicate) = twin::check(place.twin, place.confirmed) {
        return Ok(Err(Refusal::Twin(duplicate)));
    }
    let verdict = match judge(proposal, known)? {
        Ok(verdict) => verdict,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let parked = verdict.step_up.is_some();
    Ok(Ok(Admitted {
        next_nonce,
        state: if parked { ActionState::AwaitingApproval } else { ActionState::Accepted },
        step_up: verdict.step_up,
        entry: ledger::hold(&proposal.hold)?,
        inputs: inputs_hash(known.policy_version, &proposal.ask, known.stop, &known.usage)?,
    }))
}

/// Decides whether an action that people approved goes on: policy and balance once more, its own hold left out. It
/// becomes ACCEPTED, or fails with the refusal.
///
/// # Errors
/// As [`admit`].
pub fn admit_approved(proposal: &Proposal, known: &Known<'_>) -> Result<Result<Digest, Refusal>, NoDecision> {
    let reserves = proposal.hold.reserves()?;
    let funds: Vec<Funds> = known.funds.iter().map(|funds| funds.without(&reserves)).collect();
    let usage = known.usage.without(proposal.ask.charge);
    let known = Known { usage, funds: &funds, ..*known };
    let inputs = inputs_hash(known.policy_version, &proposal.ask, known.stop, &known.usage)?;
    Ok(judge(proposal, &known)?.map(|_| inputs))
}

/// Policy, then balance: also what estimates and policy checks ask.
///
/// # Errors
/// As [`admit`].
pub fn judge(proposal: &Proposal, known: &Known<'_>) -> Result<Result<Verdict, Refusal>, NoDecision> {
    let verdict = evaluate(known.policy, &proposal.ask, known.stop, &known.usage);
    if !verdict.is_allowed() {
        return Ok(Err(Refusal::Policy(Box::new(verdict))));
    }
    let covered = cover(&proposal.hold.reserves()?, known.funds);
    Ok(covered.map(|()| verdict).map_err(|missing| Refusal::Balance(Box::new(missing))))
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use aegis_core::time::Timestamp;

    use super::*;
    use crate::amount::Atoms;
    use crate::hold::Counting;
    use crate::hold::tests::usdc;
    use crate::ids::ActionId;
    use crate::policy::Policy;
    use crate::policy::rules::Rule;
    use crate::stop::FreezeScope;
    use crate::usdc::Usdc;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn proposal(micros: u64) -> Proposal {
        let hold = Hold::open(usdc(micros), usdc(10), Counting::Spending).unwrap();
        Proposal::new(FinancialAction::Transfer, Some(Address::from_bytes([1; 20])), true, hold).unwrap()
    }

    fn funds(on_chain: u128, held: u128) -> Funds {
        Funds { asset: usdc(0).asset, on_chain: Atoms::new(on_chain), held: Atoms::new(held) }
    }

    /// The order of the contract: nonce, twin, policy, balance; each hides those behind it.
    #[test]
    fn order_is_the_contracts() {
        let policy = Policy { per_tx_limit: Usdc::from_micros(50).unwrap(), ..Policy::default() };
        let empty = funds(0, 0);
        let known = Known {
            policy: &policy,
            policy_version: 1,
            stop: None,
            usage: Usage::none(NOW),
            funds: from_ref(&empty),
        };
        let action = ActionId::parse("act_019e099acb007b6a9d0e1f2031425364").unwrap();
        let twin = Earlier { action, state: ActionState::Unknown, created_at: NOW, completed_at: None };
        let wrong = Nonce::new(1).unwrap();
        let mut place = Place { expected: Nonce::FIRST, received: wrong, twin: Some(twin), confirmed: None };
        let code =
            |micros, place: &Place| admit(&proposal(micros), place, &known).unwrap().unwrap_err().code();
        assert_eq!(code(100, &place), Code::NonceMismatch);
        place.received = Nonce::FIRST;
        assert_eq!(code(100, &place), Code::DuplicateSuspected);
        place.confirmed = Some(action);
        assert_eq!(code(100, &place), Code::PolicyViolation);
        assert_eq!(code(50, &place), Code::InsufficientBalance);
        let enough = funds(60, 0);
        let known = Known { funds: from_ref(&enough), ..known };
        let admitted = admit(&proposal(50), &place, &known).unwrap().unwrap();
        assert_eq!((admitted.state, admitted.next_nonce.get()), (ActionState::Accepted, 1));
    }

    /// An approved action is judged without its own hold, in windows and funds alike; a freeze still stops it.
    #[test]
    fn own_hold_is_left_out() {
        let mut policy = Policy::default();
        policy.limits.daily = Usdc::from_micros(60).unwrap();
        let own = funds(60, 60);
        let usage = Usage { held: Usdc::from_micros(60).unwrap(), ..Usage::none(NOW) };
        let known = Known { policy: &policy, policy_version: 1, stop: None, usage, funds: from_ref(&own) };
        assert!(admit_approved(&proposal(50), &known).unwrap().is_ok());
        assert!(judge(&proposal(50), &known).unwrap().is_err());
        let stop = Some(Stop::Frozen(FreezeScope::Agent));
        let Err(Refusal::Policy(verdict)) = admit_approved(&proposal(50), &Known { stop, ..known }).unwrap()
        else {
            panic!("a freeze stops it");
        };
        assert_eq!(verdict.failures[0].rule, Rule::Freeze);
        let poor = funds(59, 60);
        let refused = admit_approved(&proposal(50), &Known { funds: from_ref(&poor), ..known }).unwrap();
        assert_eq!(refused.unwrap_err().code(), Code::InsufficientBalance);
    }
}
