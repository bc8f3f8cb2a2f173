//! Invariants of the contract over random lives of one agent.

use std::collections::BTreeSet;

use aegis_core::time::Timestamp;
use aegis_wallet::action::ActionState;
use aegis_wallet::admission::{Known, Refusal, judge};
use aegis_wallet::amount::Atoms;
use aegis_wallet::approval::Say;
use aegis_wallet::hold::HoldState;
use aegis_wallet::ledger::Account;
use aegis_wallet::nonce::Nonce;
use aegis_wallet::policy::{Policy, TwinSeconds};
use aegis_wallet::stop::{FreezeScope, Stop};
use aegis_wallet::usdc::Usdc;
use aegis_wallet::window::{PerWindow, Window};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::world::{FEE_MAX, World, sum};

#[derive(Debug, Clone)]
enum Happening {
    Wait(i64),
    Lag(i64),
    Deposit(u64),
    Transfer { to: u8, micros: u64, ahead: u64, confirm: bool },
    Decide { index: usize, person: usize, yes: bool },
    Cancel(usize),
    Stop(bool),
    Sign(usize),
    Submit(usize),
    Destroy(usize),
    Land { index: usize, moved: bool, fee: u64 },
    Lose(usize),
    Confirm(usize),
    Limit(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let index = || 0_usize..4;
    let transfer = (1_u8..4, 1_u64..5_000, 0_u64..8, any::<bool>());
    prop_oneof![
        3 => (0_i64..200_000).prop_map(Happening::Wait),
        1 => (0_i64..200_000).prop_map(Happening::Lag),
        1 => (0_u64..20_000).prop_map(Happening::Deposit),
        8 => transfer.prop_map(|(to, micros, ahead, confirm)| {
            // One request in eight carries a wrong nonce.
            Happening::Transfer { to, micros, ahead: u64::from(ahead == 0), confirm }
        }),
        4 => (index(), 0_usize..2, prop::bool::weighted(0.8))
            .prop_map(|(index, person, yes)| Happening::Decide { index, person, yes }),
        1 => index().prop_map(Happening::Cancel),
        1 => prop::bool::weighted(0.3).prop_map(Happening::Stop),
        5 => index().prop_map(Happening::Sign),
        5 => index().prop_map(Happening::Submit),
        1 => index().prop_map(Happening::Destroy),
        5 => (index(), prop::bool::weighted(0.8), 0_u64..1_000)
            .prop_map(|(index, moved, fee)| Happening::Land { index, moved, fee }),
        2 => index().prop_map(Happening::Lose),
        5 => index().prop_map(Happening::Confirm),
        1 => (1_u64..20).prop_map(Happening::Limit),
    ]
}

fn micros(micros: u64) -> Usdc {
    Usdc::from_micros(micros).unwrap()
}

/// Tight enough that every limit is met often.
fn tight() -> Policy {
    Policy {
        per_tx_limit: micros(4_000),
        limits: PerWindow { daily: micros(9_000), weekly: micros(14_000), monthly: micros(20_000) },
        approval_threshold: Some(micros(3_000)),
        approvals_required: 2,
        twin_seconds: TwinSeconds { pay: 60, default: 600 },
        ..Policy::default()
    }
}

/// The open action that a random number means, so that few steps bring one to its end.
fn open(world: &World, number: usize) -> usize {
    let open: Vec<usize> =
        (0..world.actions.len()).filter(|index| !world.actions[*index].state.is_final()).collect();
    if open.is_empty() { usize::MAX } else { open[number % open.len()] }
}

fn apply(world: &mut World, happening: &Happening) {
    match *happening {
        Happening::Wait(seconds) => world.time += seconds,
        Happening::Lag(seconds) => world.lag = seconds,
        Happening::Deposit(micros) => world.deposit(micros),
        Happening::Transfer { to, micros, ahead, confirm } => request(world, to, micros, ahead, confirm),
        Happening::Decide { index, person, yes } => {
            world.decide(open(world, index), person, if yes { Say::Approve } else { Say::Deny });
        }
        Happening::Cancel(index) => world.cancel(open(world, index)),
        Happening::Stop(stopped) => world.stop = stopped.then_some(Stop::Frozen(FreezeScope::Agent)),
        Happening::Sign(index) => world.sign(open(world, index)),
        Happening::Submit(index) => world.submit(open(world, index)),
        Happening::Destroy(index) => world.destroy(open(world, index)),
        Happening::Land { index, moved, fee } => world.land(open(world, index), moved, fee),
        Happening::Lose(index) => world.lose(open(world, index)),
        Happening::Confirm(index) => world.confirm(open(world, index)),
        Happening::Limit(thousands) => world.policy.limits.daily = micros(thousands * 1_000),
    }
}

/// A transfer and everything that must hold at its decision.
fn request(world: &mut World, to: u8, micros: u64, ahead: u64, confirm: bool) {
    let proposal = world.proposal(to, micros);
    let (usage, funds, policy, stop) = (world.usage(), world.funds(), world.policy.clone(), world.stop);
    let before = (world.nonce, world.actions.len(), world.ledger.clone(), usage);
    let known = Known { policy: &policy, policy_version: 1, stop, usage, funds: &funds };
    let dry = judge(&proposal, &known).unwrap();
    let confirmed = world.actions.last().filter(|_| confirm).map(|action| action.id);
    let nonce = Nonce::new(world.nonce.get() + ahead).unwrap();
    match world.transfer(to, micros, nonce, confirmed) {
        Ok(admitted) => {
            // Invariant 25: the dry run said the same, and which approval it would need.
            assert_eq!(dry.as_ref().map(|verdict| verdict.step_up).ok(), Some(admitted.step_up));
            assert_eq!(ahead, 0);
            // Invariant 15, the part of the rules: nothing is accepted while the agent is stopped.
            assert_eq!(stop, None);
            // Invariant 5, at the acceptance.
            for window in Window::ALL {
                let all =
                    usage.used(*window).saturating_add(usage.held).saturating_add(proposal.ask().charge);
                assert!(all <= policy.limits.get(*window), "{window}");
            }
        }
        Err(refusal) => {
            // Invariant 4: nonce, holds and balances are what they were; only steps 10 and 11 are kept.
            assert_eq!((world.nonce, world.actions.len(), world.ledger.clone(), world.usage()), before);
            let kept = matches!(refusal, Refusal::Policy(_) | Refusal::Balance(_));
            assert_eq!(refusal.code().is_stored(), kept);
            if kept {
                assert_eq!(dry, Err(refusal.clone()));
            }
            availability(world, to, micros, refusal);
        }
    }
}

/// The instant a refusal names is one at which the same passes with all holds settled, and no earlier one does.
fn availability(world: &World, to: u8, micros: u64, refusal: Refusal) {
    let proposal = world.proposal(to, micros);
    let Some(details) = world.details(&proposal, refusal) else { return };
    let Some(at) = details.available_at else { return };
    let mut settled = world.events.clone();
    let last = settled.last().map_or(world.host_now(), |(last, _)| world.host_now().max(*last));
    settled.push((last, world.usage().held));
    let fits = |at: Timestamp| {
        Window::ALL.iter().all(|window| {
            let young = settled.iter().filter(|(event, _)| *event > at.plus_seconds(-window.seconds()));
            let used = sum(young.map(|(_, amount)| *amount));
            used.saturating_add(proposal.ask().charge) <= world.policy.limits.get(*window)
        })
    };
    assert!(fits(at) && at > world.host_now());
    assert!(!fits(Timestamp::from_micros(at.as_micros() - 1)));
}

/// What holds between any two steps.
fn check(world: &World) {
    let asset = &world.asset;
    // Invariant 1: the ledger says what is on the chain, but for what landed and nobody has read yet.
    let unread = world.actions.iter().filter(|action| !action.state.is_final()).filter_map(|action| {
        let landed = action.landed?;
        let principal = if landed.moved { action.hold.principal().atoms } else { Atoms::ZERO };
        principal.checked_add(landed.fee)
    });
    let expected = world.chain.checked_add(Atoms::sum(unread).unwrap());
    assert_eq!(world.ledger.on_chain(asset), expected);
    assert!(world.ledger.is_balanced());
    // Invariant 6: what is held is what open holds set aside, and a final action has none.
    assert_eq!(world.ledger.net(Account::Held, asset), Some(world.funds()[0].held));
    for action in &world.actions {
        let open = action.hold.state() == HoldState::Held;
        assert_eq!(open, !action.state.is_final(), "{}", action.state);
        // Invariant 11: what is unknown is held.
        assert!(action.state != ActionState::Unknown || open);
        // Invariant 10: nothing that moved is called failed, and nothing that did not, a success.
        let moved = action.landed.map(|landed| landed.moved);
        assert!(action.state != ActionState::Success || moved == Some(true));
        assert!(action.state != ActionState::Failed || moved != Some(true));
        // Invariant 14: what needed people was signed only with two different ones.
        let signed = action.step.attempts > 0;
        let permitted =
            action.parked.as_ref().is_none_or(|approval| approval.permits() && approval.decisions.len() == 2);
        assert!(!signed || permitted);
    }
    // Invariant 7: committed nonces are 0 to n − 1.
    let nonces: Vec<u64> = world.actions.iter().map(|action| action.nonce.get()).collect();
    assert_eq!(nonces, (0..world.nonce.get()).collect::<Vec<_>>());
    caps(world);
}

/// Invariant 5, measured by block times alone: no window ever held more than the highest limit under which anything in
/// it was accepted.
fn caps(world: &World) {
    for window in Window::ALL {
        let limit = world.actions.iter().map(|action| action.limits.get(*window)).max().unwrap_or_default();
        let ends = world.actions.iter().filter_map(|action| action.landed).map(|landed| landed.block_time);
        for end in ends {
            assert!(world.settled_by_blocks(*window, end) <= limit, "{window}");
        }
    }
}

/// Random lives are lives: most kinds of end and refusal occur in them, so that the laws below say something.
#[test]
fn lives_reach_every_end() {
    let mut runner = TestRunner::deterministic();
    let mut ends = BTreeSet::new();
    for _ in 0..40 {
        let steps = prop::collection::vec(happening(), 60..80).new_tree(&mut runner).unwrap().current();
        let mut world = World::new(tight());
        world.deposit(30_000);
        for step in steps {
            apply(&mut world, &step);
            ends.extend(world.actions.iter().map(|action| action.state));
        }
    }
    let refused = ActionState::Refused;
    assert_eq!(ends, ActionState::ALL.iter().copied().filter(|state| *state != refused).collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Invariants 1, 4, 5, 6, 7, 10, 11, 14, 15 and 25 over random lives, the host's clock lagging and jumping back.
    #[test]
    fn lives_keep_every_invariant(steps in prop::collection::vec(happening(), 1..80)) {
        let mut world = World::new(tight());
        world.deposit(30_000);
        for step in steps {
            apply(&mut world, &step);
            check(&world);
        }
    }

    /// Invariant 13 over random lives without confirmations: among actions with equal twin fields at most one is
    /// open, and a success keeps the next away for ten minutes.
    #[test]
    fn unconfirmed_twins_never_meet(steps in prop::collection::vec(happening(), 1..80)) {
        let mut world = World::new(tight());
        world.deposit(30_000);
        for mut step in steps {
            if let Happening::Transfer { to, micros, confirm, .. } = &mut step {
                (*confirm, *to, *micros) = (false, 1, *micros % 3 + 1);
            }
            apply(&mut world, &step);
            for action in &world.actions {
                let equal = world.actions.iter().filter(|other| {
                    other.twin_key == action.twin_key && !other.state.is_final()
                });
                prop_assert!(equal.count() <= 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Invariants 5 and 17: with limits that stay, no window of block times is ever passed, however the host's clock
    /// lags behind the chain's and however late a settlement is noticed.
    #[test]
    fn blocks_never_pass_the_limit(
        steps in prop::collection::vec((0_i64..40_000, 0_i64..80_000, 1_000_u64..4_000, 0_usize..3), 1..60),
    ) {
        let mut world = World::new(Policy { approval_threshold: None, ..tight() });
        world.deposit(1_000_000);
        for (payee, (wait, lag, micros, late)) in (1_u8..).zip(steps) {
            (world.time, world.lag) = (world.time + wait, lag);
            if world.transfer(payee, micros, world.nonce, None).is_ok() {
                let index = world.actions.len() - 1;
                world.sign(index);
                world.submit(index);
                world.land(index, true, 1_000);
            }
            (0..world.actions.len().saturating_sub(late)).for_each(|index| world.confirm(index));
            check(&world);
        }
    }
}

/// The limit is met exactly by as many as fit, and never passed: the pure half of "64 keys against a limit".
#[test]
fn limit_is_met_exactly() {
    let mut world = World::new(Policy { approval_threshold: None, ..tight() });
    world.deposit(1_000_000);
    let fee = u64::try_from(FEE_MAX).unwrap();
    let mut accepted = 0;
    for payee in 1..=64 {
        let nonce = world.nonce;
        accepted += u64::from(world.transfer(payee, 500, nonce, None).is_ok());
    }
    assert_eq!(accepted, 9_000 / (500 + fee));
    assert_eq!(world.usage().held, micros(accepted * (500 + fee)));
}
