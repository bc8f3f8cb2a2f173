//! A store, a chain and an agent in memory, driven by the rules alone. It keeps what the server will keep, and moves
//! money where the rules say so.

use std::convert::Infallible;

use aegis_core::entropy::Entropy;
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_wallet::action::{ActionState, FinancialAction, conclude};
use aegis_wallet::address::{Address, TxHash};
use aegis_wallet::admission::{Admitted, Known, Place, Proposal, Refusal, admit, admit_approved};
use aegis_wallet::amount::{Atoms, Decimals};
use aegis_wallet::approval::{Approval, ApprovalState, Say};
use aegis_wallet::asset::{Asset, ChainName, Coin, Token};
use aegis_wallet::balance::Funds;
use aegis_wallet::evidence::Evidence;
use aegis_wallet::hold::{Charge, Counting, Hold, HoldState, Spent};
use aegis_wallet::ids::{ActionId, ApproverId};
use aegis_wallet::ledger::{self, Balances, Entry};
use aegis_wallet::nonce::Nonce;
use aegis_wallet::policy::Policy;
use aegis_wallet::policy::rules::PolicyRefusal;
use aegis_wallet::step::Step;
use aegis_wallet::stop::Stop;
use aegis_wallet::twin::{Earlier, TwinKey, most_recent};
use aegis_wallet::usdc::Usdc;
use aegis_wallet::window::{PerWindow, Usage, Window, event_time};

/// Fee ceiling of every action, in millionths of a USDC.
pub(crate) const FEE_MAX: u128 = 1_000;

/// A transaction that was included, and whether it moved the principal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landed {
    pub(crate) moved: bool,
    pub(crate) fee: Atoms,
    pub(crate) block_time: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) id: ActionId,
    pub(crate) nonce: Nonce,
    pub(crate) state: ActionState,
    pub(crate) hold: Hold,
    pub(crate) twin_key: TwinKey,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) parked: Option<Approval>,
    pub(crate) step: Step,
    pub(crate) landed: Option<Landed>,
    /// The limits in force when it was accepted.
    pub(crate) limits: PerWindow<Usdc>,
}

pub(crate) struct World {
    moment: Moment,
    /// The chain's time. The host's lies behind it by `lag`.
    pub(crate) time: i64,
    pub(crate) lag: i64,
    pub(crate) policy: Policy,
    pub(crate) stop: Option<Stop>,
    pub(crate) nonce: Nonce,
    pub(crate) asset: Asset,
    pub(crate) chain: Atoms,
    pub(crate) ledger: Balances,
    pub(crate) events: Vec<(Timestamp, Usdc)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) people: [ApproverId; 2],
}

impl World {
    pub(crate) fn new(policy: Policy) -> World {
        let mut moment = Moment::new(Timestamp::from_seconds(0), Entropy::from_seed([3; 32]));
        let people = [moment.new_id(), moment.new_id()];
        let chain = ChainName::parse("Arc_Testnet").unwrap();
        let asset = Asset { chain, coin: Coin::Token(Token::Usdc), decimals: Decimals::SIX };
        World {
            moment,
            time: 0,
            lag: 0,
            policy,
            stop: None,
            nonce: Nonce::FIRST,
            asset,
            chain: Atoms::ZERO,
            ledger: Balances::default(),
            events: Vec::new(),
            actions: Vec::new(),
            people,
        }
    }

    pub(crate) fn host_now(&self) -> Timestamp {
        Timestamp::from_seconds(self.time - self.lag)
    }

    pub(crate) fn open_holds(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.hold.state() == HoldState::Held)
    }

    /// What the store answers about windows.
    pub(crate) fn usage(&self) -> Usage {
        let now = self.host_now();
        let until =
            |end: Timestamp| sum(self.events.iter().filter(|(at, _)| *at <= end).map(|(_, sum)| *sum));
        let gone = PerWindow::<()>::default().map(|window, ()| until(now.plus_seconds(-window.seconds())));
        let held = sum(self.open_holds().map(|action| action.hold.amount().unwrap()));
        Usage { at: now, total: until(Timestamp::from_micros(i64::MAX)), gone, held }
    }

    pub(crate) fn funds(&self) -> [Funds; 1] {
        let held = Atoms::sum(
            self.open_holds().flat_map(|action| action.hold.reserves().unwrap()).map(|(_, atoms)| atoms),
        );
        [Funds { asset: self.asset.clone(), on_chain: self.chain, held: held.unwrap() }]
    }

    pub(crate) fn proposal(&self, to: u8, micros: u64) -> Proposal {
        let charge = |atoms| Charge { asset: self.asset.clone(), atoms, rate: None };
        let principal = charge(Atoms::new(u128::from(micros)));
        let hold = Hold::open(principal, charge(Atoms::new(FEE_MAX)), Counting::Spending).unwrap();
        Proposal::new(FinancialAction::Transfer, Some(Address::from_bytes([to; 20])), true, hold).unwrap()
    }

    pub(crate) fn twin_of(&self, key: TwinKey) -> Option<Earlier> {
        let equal = self.actions.iter().filter(|action| action.twin_key == key).map(|action| Earlier {
            action: action.id,
            state: action.state,
            created_at: action.created_at,
            completed_at: action.completed_at,
        });
        most_recent(&equal.collect::<Vec<_>>(), self.policy.twin_seconds.default, self.host_now())
    }

    /// A request to transfer, decided and, if admitted, committed.
    pub(crate) fn transfer(
        &mut self,
        to: u8,
        micros: u64,
        nonce: Nonce,
        confirmed: Option<ActionId>,
    ) -> Result<Admitted, Refusal> {
        let proposal = self.proposal(to, micros);
        let principal = proposal.hold().principal();
        let address = Address::from_bytes([to; 20]);
        let twin_key = TwinKey::of_transfer(&principal.asset.chain, Token::Usdc, address, principal.atoms);
        let place = Place { expected: self.nonce, received: nonce, twin: self.twin_of(twin_key), confirmed };
        let funds = self.funds();
        let known = Known {
            policy: &self.policy,
            policy_version: 1,
            stop: self.stop,
            usage: self.usage(),
            funds: &funds,
        };
        let admitted = admit(&proposal, &place, &known).unwrap()?;
        let now = self.host_now();
        let parked = admitted.step_up.map(|_| Approval::request(&self.policy, now));
        self.nonce = admitted.next_nonce;
        self.post(&admitted.entry);
        self.actions.push(Action {
            id: self.moment.new_id(),
            nonce,
            state: admitted.state,
            hold: proposal.hold().clone(),
            twin_key,
            created_at: now,
            completed_at: None,
            parked,
            step: Step::PENDING,
            landed: None,
            limits: self.policy.limits,
        });
        Ok(admitted)
    }

    /// The details of a policy refusal, as the server would give them.
    pub(crate) fn details(&self, proposal: &Proposal, refusal: Refusal) -> Option<PolicyRefusal> {
        let Refusal::Policy(verdict) = refusal else { return None };
        let usage = self.usage();
        let reached = |wanted: Usdc| {
            let mut total = Usdc::ZERO;
            let found = self.events.iter().find(|(_, amount)| {
                total = total.saturating_add(*amount);
                total >= wanted
            });
            Ok::<_, Infallible>(found.unwrap().0)
        };
        let at = verdict.available_at(&self.policy, proposal.ask(), &usage, reached).unwrap();
        verdict.into_refusal(1, at)
    }

    pub(crate) fn deposit(&mut self, micros: u64) {
        let atoms = Atoms::new(u128::from(micros));
        self.chain = self.chain.checked_add(atoms).unwrap();
        self.post(&ledger::deposit(&self.asset.clone(), atoms));
    }

    /// One person's word on a parked action. An approval lets it be judged once more.
    pub(crate) fn decide(&mut self, index: usize, person: usize, say: Say) {
        let now = self.host_now();
        let Some(action) =
            self.actions.get(index).filter(|action| action.state == ActionState::AwaitingApproval)
        else {
            return;
        };
        let approval = action.parked.as_ref().unwrap();
        if approval.state_at(now) == ApprovalState::Expired {
            return self.end(index, ActionState::Expired, Spent::NOTHING, Evidence::NeverSigned);
        }
        let Ok(approval) = approval.decide(self.people[person], say, self.stop, now) else { return };
        let state = approval.state;
        self.actions[index].parked = Some(approval);
        if state == ApprovalState::Denied {
            self.end(index, ActionState::Denied, Spent::NOTHING, Evidence::NeverSigned);
        } else if state == ApprovalState::Approved {
            let hold = self.actions[index].hold.clone();
            let proposal =
                Proposal::new(FinancialAction::Transfer, Some(Address::from_bytes([1; 20])), true, hold)
                    .unwrap();
            let funds = self.funds();
            let known = Known {
                policy: &self.policy,
                policy_version: 1,
                stop: self.stop,
                usage: self.usage(),
                funds: &funds,
            };
            let again = admit_approved(&proposal, &known).unwrap();
            self.enter(index, ActionState::Accepted);
            self.actions[index].limits = self.policy.limits;
            if again.is_err() {
                self.end(index, ActionState::Failed, Spent::NOTHING, Evidence::NeverSigned);
            }
        }
    }

    pub(crate) fn cancel(&mut self, index: usize) {
        let Some(approval) = self.actions.get(index).and_then(|action| action.parked.as_ref()) else {
            return;
        };
        if self.actions[index].state == ActionState::AwaitingApproval
            && approval.cancel(self.host_now()).is_ok()
        {
            self.end(index, ActionState::Cancelled, Spent::NOTHING, Evidence::NeverSigned);
        }
    }

    pub(crate) fn sign(&mut self, index: usize) {
        let Some(action) = self.actions.get(index).filter(|action| action.state == ActionState::Accepted)
        else {
            return;
        };
        if let Ok(step) = action.step.sign() {
            self.actions[index].step = step;
            self.enter(index, ActionState::Signed);
        }
    }

    /// The submit marker; without it the artefact may be destroyed instead.
    pub(crate) fn submit(&mut self, index: usize) {
        let Some(action) = self.actions.get(index).filter(|action| action.state == ActionState::Signed)
        else {
            return;
        };
        if let Ok(step) = action.step.mark(self.stop) {
            self.actions[index].step = step;
            self.enter(index, ActionState::Submitted);
        }
    }

    pub(crate) fn destroy(&mut self, index: usize) {
        if self.actions.get(index).is_some_and(|action| action.state == ActionState::Signed) {
            self.end(index, ActionState::Failed, Spent::NOTHING, Evidence::NeverSent);
        }
    }

    /// The chain includes it: the money moves, whether anybody of ours looks or not.
    pub(crate) fn land(&mut self, index: usize, moved: bool, fee: u64) {
        let block_time = Timestamp::from_seconds(self.time);
        let Some(action) = self.actions.get_mut(index) else { return };
        let sent = matches!(action.state, ActionState::Submitted | ActionState::Unknown);
        if sent && action.landed.is_none() {
            let fee = Atoms::new(u128::from(fee).min(FEE_MAX));
            let principal = if moved { action.hold.principal().atoms } else { Atoms::ZERO };
            self.chain = self.chain.checked_sub(principal.checked_add(fee).unwrap()).unwrap();
            action.landed = Some(Landed { moved, fee, block_time });
        }
    }

    pub(crate) fn lose(&mut self, index: usize) {
        if self.actions.get(index).is_some_and(|action| action.state == ActionState::Submitted) {
            self.enter(index, ActionState::Unknown);
        }
    }

    /// The reconciler reads the chain.
    pub(crate) fn confirm(&mut self, index: usize) {
        let Some(action) = self.actions.get(index).filter(|action| !action.state.is_final()) else { return };
        let Some(landed) = action.landed else { return };
        let hash = TxHash::from_bytes([9; 32]);
        if landed.moved {
            let spent = Spent { principal: action.hold.principal().atoms, fee: landed.fee };
            self.end(index, ActionState::Success, spent, Evidence::Included(hash));
        } else {
            let spent = Spent { principal: Atoms::ZERO, fee: landed.fee };
            self.end(index, ActionState::Failed, spent, Evidence::Reverted(hash));
        }
    }

    fn enter(&mut self, index: usize, to: ActionState) {
        let action = &mut self.actions[index];
        action.state = action.state.enter(to).unwrap();
    }

    fn end(&mut self, index: usize, to: ActionState, spent: Spent, evidence: Evidence) {
        let recorded = self.host_now();
        let action = &mut self.actions[index];
        let end = conclude(action.state, to, Some(&action.hold), spent, evidence).unwrap();
        let ended = end.ended.unwrap();
        action.state = end.state;
        action.completed_at = Some(recorded);
        action.hold = ended.hold;
        if ended.counted > Usdc::ZERO {
            let block = action.landed.map_or(recorded, |landed| landed.block_time);
            let last = self.events.last().map(|(at, _)| *at);
            self.events.push((event_time(block, recorded, last), ended.counted));
        }
        self.post(&end.entry.unwrap());
    }

    fn post(&mut self, entry: &Entry) {
        entry.postings().iter().for_each(|posting| self.ledger.post(posting).unwrap());
    }

    /// What was settled by block times alone, of the actions that reached the chain.
    pub(crate) fn settled_by_blocks(&self, window: Window, end: Timestamp) -> Usdc {
        let within = |landed: &Landed| {
            landed.block_time <= end && landed.block_time > end.plus_seconds(-window.seconds())
        };
        sum(self.actions.iter().filter_map(|action| {
            let landed = action.landed.filter(within)?;
            let principal = if landed.moved { action.hold.principal().atoms } else { Atoms::ZERO };
            let charge =
                Charge { atoms: principal.checked_add(landed.fee)?, ..action.hold.principal().clone() };
            charge.value()
        }))
    }
}

pub(crate) fn sum(amounts: impl Iterator<Item = Usdc>) -> Usdc {
    amounts.fold(Usdc::ZERO, Usdc::saturating_add)
}
