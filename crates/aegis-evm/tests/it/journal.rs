//! The chain in process across restarts: what was answered is there, what a crash tore is gone, damage is reported.

use std::path::Path;

use aegis_evm::finality::At;
use aegis_evm::send::Presented;
use aegis_evm::sim::{GasCoin, JournalFault, Orphans, Pace, SimChain, SimClock, SimFault};
use aegis_wallet::amount::Atoms;
use aegis_wallet::reconcile::Sight;

use crate::world::{World, clock, key, settings};

fn open(file: &Path, clock: &SimClock) -> World {
    let settings = settings(GasCoin::Native, Pace::OnDemand);
    World::over_sim(SimChain::open(settings, clock.clone(), file).unwrap())
}

fn snapshot(world: &World) -> Vec<u8> {
    let crate::world::Ground::Sim(sim) = &world.ground else { panic!("in process") };
    sim.snapshot().unwrap()
}

/// A life with every kind of record, restarted after each step: the state is the same to the byte, and so is what waits.
#[tokio::test]
async fn a_restart_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain");
    let (clock, now) = clock(1_800_000_000);
    let mut world = open(&file, &clock);
    let alice = world.funded(100).await;
    let bob = key(0xb0).address();
    for step in 0..7 {
        now.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let crate::world::Ground::Sim(sim) = &world.ground else { panic!("in process") };
        match step {
            0 => drop(world.submit(&world.transfer(&alice, bob, 1).await, &alice).await),
            1 => drop(sim.mine(2).unwrap()),
            2 => sim.pause().unwrap(),
            3 => drop(sim.reorg(2, Orphans::Wait).unwrap()),
            4 => drop(sim.mine(1).unwrap()),
            5 => {
                let signed = world.submit(&world.transfer(&alice, bob, 2).await, &alice).await;
                assert!(sim.forget(signed.hash()).unwrap());
            }
            _ => drop(world.submit(&world.transfer(&alice, bob, 4).await, &alice).await),
        }
        let before = snapshot(&world);
        drop(world);
        world = open(&file, &clock);
        assert!(snapshot(&world) == before, "step {step} did not survive");
    }
    world.mine(3).await;
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Final).await.unwrap(), Atoms::new(5));
    let bytes = snapshot(&world);
    let restored = SimChain::restore(settings(GasCoin::Native, Pace::OnDemand), clock, &bytes).unwrap();
    assert!(restored.snapshot().unwrap() == bytes);
    assert_eq!(World::over_sim(restored).chain.heads().await.unwrap(), world.chain.heads().await.unwrap());
}

/// Cut at many places of the last write, the chain is the one before that write: the transaction is absent, and the same
/// bytes bring it back.
#[tokio::test]
async fn a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain");
    let (clock, _) = clock(1_800_000_000);
    let world = open(&file, &clock);
    let alice = world.funded(100).await;
    let bob = key(0xb0).address();
    let before = (std::fs::read(&file).unwrap(), snapshot(&world));
    let draft = world.transfer(&alice, bob, 1).await;
    let signed = world.submit(&draft, &alice).await;
    let after = std::fs::read(&file).unwrap();
    assert!(after.starts_with(&before.0));
    drop(world);
    for cut in (before.0.len()..after.len()).step_by(7) {
        let mut zeros = after[..cut].to_vec();
        zeros.resize(after.len(), 0);
        for torn in [&after[..cut], &zeros] {
            // Only a tail that holds no byte of the write, or is all of it, may be read without cutting.
            std::fs::write(&file, torn).unwrap();
            let world = open(&file, &clock);
            assert!(snapshot(&world) == before.1, "cut at {cut}");
            drop(world);
            assert_eq!(std::fs::metadata(&file).unwrap().len(), before.0.len() as u64);
        }
    }
    let world = open(&file, &clock);
    let sent = world.sent(&alice, &draft, &[&signed]).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Absent);
    assert!(matches!(world.chain.present(&signed).await, Presented::Accepted));
}

/// Damage before the tail, another program's file, another chain and another faucet are reported; nothing is opened and
/// the file stays as it is.
#[tokio::test]
async fn damage_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain");
    let (clock, _) = clock(1_800_000_000);
    let world = open(&file, &clock);
    world.mine(1).await;
    world.mine(1).await;
    drop(world);
    let whole = std::fs::read(&file).unwrap();
    let good = settings(GasCoin::Native, Pace::OnDemand);
    for at in [30, whole.len() / 2] {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        std::fs::write(&file, &bad).unwrap();
        let fault = SimChain::open(good.clone(), clock.clone(), &file).unwrap_err();
        assert!(matches!(fault, SimFault::Journal(JournalFault::Damaged { .. })), "{fault:?}");
        assert!(std::fs::read(&file).unwrap() == bad);
    }
    std::fs::write(&file, b"PK\x03\x04 something else altogether").unwrap();
    let fault = SimChain::open(good.clone(), clock.clone(), &file).unwrap_err();
    assert!(matches!(fault, SimFault::Journal(JournalFault::Foreign(_))), "{fault:?}");
    std::fs::write(&file, &whole).unwrap();
    let held = open(&file, &clock);
    let fault = SimChain::open(good.clone(), clock.clone(), &file).unwrap_err();
    assert!(matches!(fault, SimFault::Journal(JournalFault::InUse(_))), "{fault:?}");
    drop(held);
    let mut other = good.clone();
    other.chain_id += 1;
    assert!(matches!(SimChain::open(other, clock.clone(), &file), Err(SimFault::Misfit(_))));
    let mut other = good.clone();
    other.faucet = key(1);
    assert!(matches!(SimChain::open(other, clock.clone(), &file), Err(SimFault::OtherFaucet)));
    assert!(matches!(SimChain::restore(good, clock, b"nothing"), Err(SimFault::NotASnapshot)));
}
