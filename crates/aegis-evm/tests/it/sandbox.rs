//! The sandbox's own chain: USDC pays for gas, blocks come with submissions, and the same inputs give the same chain.

use std::sync::atomic::Ordering;

use aegis_core::secret::Secret;
use aegis_evm::chain::Chain;
use aegis_evm::fault::ChainFault;
use aegis_evm::finality::{At, Finality};
use aegis_evm::read::CallRequest;
use aegis_evm::sim::{
    GasCoin, Gift, Orphans, Pace, SANDBOX_CHAINS, SANDBOX_TOKENS, SimChain, SimFault, SimSettings,
};
use aegis_wallet::address::Address;
use aegis_wallet::amount::{Atoms, Decimals};

use crate::world::{Ground, World, clock, key, settings};

const UNIT: u128 = 1_000_000_000_000;

fn home() -> (World, SimChain) {
    let (clock, _) = clock(1_800_000_000);
    let sim = SimChain::in_memory(settings(GasCoin::Usdc, Pace::OnSubmission), clock).unwrap();
    (World::over_sim(sim.clone()), sim)
}

/// One balance in two views: the token's is that of the native coin with twelve decimals fewer, rounded down. A transfer
/// costs its fee in the same coin, and nothing is lost: all balances together are what was made.
#[tokio::test]
async fn usdc_pays_for_gas() {
    let (world, sim) = home();
    let (alice, bob) = (key(0xa1), key(0xb0).address());
    let usdc = SANDBOX_TOKENS[0];
    sim.give(alice.address(), Gift::Token(usdc.contract, Atoms::new(1_000_000_000))).unwrap();
    let native = |owner: Address| world.chain.native_balance(owner, At::Final);
    assert_eq!(native(alice.address()).await.unwrap(), Atoms::new(1_000_000_000 * UNIT));
    let draft = world.transfer(&alice, bob, 10_000_001).await;
    let signed = world.submit(&draft, &alice).await;
    let receipt = world.chain.receipt(signed.hash()).await.unwrap().unwrap();
    assert!(receipt.succeeded && !receipt.fee.is_zero());
    assert_eq!(native(bob).await.unwrap(), Atoms::new(10_000_001 * UNIT));
    let left = native(alice.address()).await.unwrap();
    let spent = Atoms::new(10_000_001 * UNIT).checked_add(receipt.fee).unwrap();
    assert_eq!(Atoms::new(1_000_000_000 * UNIT).checked_sub(spent), Some(left));
    let view = world.chain.token_balance(usdc.contract, alice.address(), At::Final).await.unwrap();
    assert_eq!(left.floor_to(Decimals::EIGHTEEN, Decimals::SIX), Some(view));

    let collector: Address = Address::parse("0x0000000000000000000000000000000000C0FFEE").unwrap().0;
    let mut all = Atoms::ZERO;
    for owner in [alice.address(), bob, sim.faucet(), collector] {
        all = all.checked_add(native(owner).await.unwrap()).unwrap();
    }
    let supply = world.chain.token_supply(usdc.contract, At::Final).await.unwrap();
    assert_eq!(supply.floor_to(Decimals::SIX, Decimals::EIGHTEEN), Some(all), "conservation");
    let too_much = world.transfer(&alice, bob, 2_000_000_000).await;
    let call =
        CallRequest { from: alice.address(), to: too_much.to, value: Atoms::ZERO, data: too_much.data };
    assert!(matches!(world.chain.estimate_gas(&call).await, Err(ChainFault::Reverted { .. })));
}

/// The part of the chain that moves the native coin obeys the token alone, by no way around.
#[tokio::test]
async fn nobody_else_moves_the_coin() {
    let (world, sim) = home();
    let alice = key(0xa1);
    sim.give(alice.address(), Gift::Token(SANDBOX_TOKENS[0].contract, Atoms::new(1_000_000))).unwrap();
    let coin = Address::parse("0x1800000000000000000000000000000000000000").unwrap().0;
    let mut create = vec![0; 68];
    create[..4].copy_from_slice(&aegis_core::crypto::digest::keccak256(b"create(address,uint256)")[..4]);
    create[16..36].copy_from_slice(alice.address().as_bytes());
    create[67] = 9;
    for from in [alice.address(), sim.faucet()] {
        let call = CallRequest { from, to: coin, value: Atoms::ZERO, data: create.clone() };
        assert!(matches!(world.chain.call(&call, At::Head).await, Err(ChainFault::Reverted { .. })));
    }
    let (ordinary, _) = clock(1_800_000_000);
    let ordinary = SimChain::in_memory(settings(GasCoin::Native, Pace::OnDemand), ordinary).unwrap();
    let ordinary = World::over_sim(ordinary);
    let call = CallRequest { from: ordinary.token(), to: coin, value: Atoms::ZERO, data: create };
    assert!(ordinary.chain.call(&call, At::Head).await.is_err());
}

/// On the sandbox's pace a submission is final when it is answered; paused it waits; taken back, it waits again and the
/// next blocks hold it. What is final stays.
#[tokio::test]
async fn submissions_make_blocks() {
    let (world, sim) = home();
    let (alice, bob) = (key(0xa1), key(0xb0).address());
    let usdc = SANDBOX_TOKENS[0].contract;
    sim.give(alice.address(), Gift::Token(usdc, Atoms::new(1_000_000_000))).unwrap();
    let balance = |at| world.chain.token_balance(usdc, bob, at);
    world.submit(&world.transfer(&alice, bob, 1).await, &alice).await;
    assert_eq!(balance(At::Final).await.unwrap(), Atoms::new(1));
    sim.pause().unwrap();
    let height = sim.heads().unwrap().head;
    world.submit(&world.transfer(&alice, bob, 2).await, &alice).await;
    assert_eq!(sim.tick().unwrap().head, height, "a paused chain makes no blocks");
    assert_eq!(sim.mine(1).unwrap().head, height + 1);
    assert_eq!(balance(At::Head).await.unwrap(), Atoms::new(3));
    assert_eq!(
        balance(At::Height(height)).await.unwrap(),
        Atoms::new(1),
        "states below the head can be read"
    );
    assert_eq!(sim.reorg(1, Orphans::Wait).unwrap().head, height + 1);
    assert_eq!(balance(At::Head).await.unwrap(), Atoms::new(1));
    assert!(matches!(sim.reorg(3, Orphans::Wait), Err(SimFault::Final(2))));
    sim.unpause().unwrap();
    assert_eq!(balance(At::Final).await.unwrap(), Atoms::new(3));
    assert!(matches!(sim.mine(1_001), Err(SimFault::TooMany)));
    sim.give(bob, Gift::Native(Atoms::new(5))).unwrap();
    assert_eq!(world.chain.native_balance(bob, At::Final).await.unwrap(), Atoms::new(3 * UNIT + 5));
    let refused = sim.give(bob, Gift::Native(Atoms::MAX));
    assert!(matches!(refused, Err(SimFault::Refused(_))), "{refused:?}");
}

/// The same inputs give the same blocks, to their hashes; time of blocks follows the clock and never falls.
#[tokio::test]
async fn same_inputs_same_chain() {
    let mut snapshots = Vec::new();
    for _ in 0..2 {
        let (clock, now) = clock(1_800_000_000);
        let sim = SimChain::in_memory(settings(GasCoin::Native, Pace::OnDemand), clock).unwrap();
        let world = World::over_sim(sim.clone());
        let alice = world.funded(10).await;
        now.fetch_add(60, Ordering::Relaxed);
        world.submit(&world.transfer(&alice, key(9).address(), 1).await, &alice).await;
        sim.mine(1).unwrap();
        let height = sim.heads().unwrap().head;
        assert_eq!(world.chain.block_seconds(height).await.unwrap(), Some(1_800_000_060));
        now.fetch_sub(600, Ordering::Relaxed);
        sim.mine(1).unwrap();
        assert_eq!(world.chain.block_seconds(height + 1).await.unwrap(), Some(1_800_000_060));
        snapshots.push(sim.snapshot().unwrap());
    }
    assert!(snapshots[0] == snapshots[1]);
}

/// The seven chains have distinct private ids and one home; each begins, with its tokens at the listed addresses.
#[tokio::test]
async fn every_sandbox_chain_begins() {
    assert_eq!(SANDBOX_CHAINS.iter().filter(|chain| chain.is_home).count(), 1);
    assert!(SANDBOX_CHAINS.is_sorted_by_key(|chain| chain.name));
    for (id, listed) in (31_337..).zip(SANDBOX_CHAINS) {
        assert_eq!(listed.id, id);
        let (clock, _) = clock(1_800_000_000);
        let settings = SimSettings::sandbox(&listed, &Secret::new([3; 32])).unwrap();
        let sim = SimChain::in_memory(settings, clock).unwrap();
        let name = aegis_wallet::asset::ChainName::parse(listed.name).unwrap();
        let chain = Chain::sim(name, Finality::Finalized, sim.clone());
        chain.check_identity().await.unwrap();
        for token in SANDBOX_TOKENS {
            sim.give(key(5).address(), Gift::Token(token.contract, Atoms::new(7))).unwrap();
            let balance = chain.token_balance(token.contract, key(5).address(), At::Final).await.unwrap();
            assert_eq!(balance, Atoms::new(7), "{} on {}", token.symbol, listed.name);
        }
        let heads = chain.heads().await.unwrap();
        assert_eq!((heads.safe, heads.final_height), (heads.head - 1, heads.head - 2));
    }
    assert!(matches!(World::on_sim().ground, Ground::Sim(_)));
}
