//! Money that moves, or provably does not.

use aegis_evm::fault::ChainFault;
use aegis_evm::finality::At;
use aegis_evm::read::CallRequest;
use aegis_evm::token;
use aegis_wallet::amount::Atoms;
use aegis_wallet::evidence::Evidence;
use aegis_wallet::reconcile::Sight;

use crate::world::{GAS, World};

/// A transfer is pending, included, final; the balances and the fee are exact at each height.
pub(crate) async fn transfers_move_balances(world: &World) {
    let (alice, bob) = (world.funded(100_000_000).await, world.fresh().address());
    world.mine(3).await;
    let before = world.chain.native_balance(alice.address(), At::Final).await.unwrap();
    let mut draft = world.transfer(&alice, bob, 40_000_001).await;
    let request =
        CallRequest { from: alice.address(), to: draft.to, value: draft.value, data: draft.data.clone() };
    draft.gas_limit = world.chain.estimate_gas(&request).await.unwrap();
    let signed = world.submit(&draft, &alice).await;
    let sent = world.sent(&alice, &draft, &[&signed]).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Pending);
    assert_eq!(world.chain.pending_nonce(alice.address()).await.unwrap(), 1);

    world.mine(1).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Included);
    let token = world.token();
    assert_eq!(world.chain.token_balance(token, bob, At::Head).await.unwrap(), Atoms::new(40_000_001));
    assert_eq!(world.chain.token_balance(token, bob, At::Final).await.unwrap(), Atoms::ZERO);

    world.mine(2).await;
    let proven = Sight::Proven(Evidence::Included(signed.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    assert_eq!(world.chain.token_balance(token, bob, At::Final).await.unwrap(), Atoms::new(40_000_001));
    let rest = world.chain.token_balance(token, alice.address(), At::Final).await.unwrap();
    assert_eq!(rest, Atoms::new(59_999_999));
    assert_eq!(world.chain.account_nonce(alice.address(), At::Final).await.unwrap(), 1);
    let receipt = world.chain.receipt(signed.hash()).await.unwrap().unwrap();
    let after = world.chain.native_balance(alice.address(), At::Final).await.unwrap();
    assert_eq!(before.checked_sub(after), Some(receipt.fee), "the fee is what left");
    assert!(receipt.fee <= draft.fee_ceiling().unwrap());
    assert!(!world.chain.code(token, At::Head).await.unwrap().is_empty());
    assert!(world.chain.code(bob, At::Head).await.unwrap().is_empty());
}

/// A payee the token's owner blocked: the estimate says so, and a transaction sent all the same is reverted, costs its fee
/// and moves nothing.
pub(crate) async fn blocked_payee_receives_nothing(world: &World) {
    let (alice, bob) = (world.funded(5).await, world.fresh().address());
    world.deed(&world.owner, world.token(), Atoms::ZERO, token::block_account(bob)).await;
    reverts(world, &alice, token::transfer(bob, Atoms::new(5)), GAS).await;
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Final).await.unwrap(), Atoms::ZERO);
    world.deed(&world.owner, world.token(), Atoms::ZERO, token::unblock_account(bob)).await;
    world.deed(&alice, world.token(), Atoms::ZERO, token::transfer(bob, Atoms::new(5))).await;
}

/// A paused token moves for nobody until it is unpaused.
pub(crate) async fn paused_token_moves_nothing(world: &World) {
    let (alice, bob) = (world.funded(5).await, world.fresh().address());
    world.deed(&world.owner, world.token(), Atoms::ZERO, token::pause()).await;
    reverts(world, &alice, token::transfer(bob, Atoms::new(5)), GAS).await;
    world.deed(&world.owner, world.token(), Atoms::ZERO, token::unpause()).await;
    world.deed(&alice, world.token(), Atoms::ZERO, token::transfer(bob, Atoms::new(5))).await;
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Head).await.unwrap(), Atoms::new(5));
}

async fn reverts(world: &World, alice: &aegis_evm::key::AccountKey, data: Vec<u8>, gas: u64) {
    let call =
        CallRequest { from: alice.address(), to: world.token(), value: Atoms::ZERO, data: data.clone() };
    for fault in [
        world.chain.estimate_gas(&call).await.map(|_| ()),
        world.chain.call(&call, At::Head).await.map(|_| ()),
    ] {
        let output = match fault {
            Err(ChainFault::Reverted { output }) => output,
            other => panic!("{other:?}"),
        };
        assert_eq!(output[..4], [0x08, 0xc3, 0x79, 0xa0], "Error(string)");
    }
    let draft = world.place(alice).await.draft(world.token(), Atoms::ZERO, data, gas);
    let signed = world.submit(&draft, alice).await;
    let sent = world.sent(alice, &draft, &[&signed]).await;
    world.mine(3).await;
    let proven = Sight::Proven(Evidence::Reverted(signed.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    assert!(!world.chain.receipt(signed.hash()).await.unwrap().unwrap().fee.is_zero());
}

/// Gas that runs out in the middle costs all of it and moves nothing.
pub(crate) async fn too_little_gas_reverts(world: &World) {
    let (alice, bob) = (world.funded(5).await, world.fresh().address());
    let mut draft = world.transfer(&alice, bob, 5).await;
    draft.gas_limit = 24_000;
    let signed = world.submit(&draft, &alice).await;
    let sent = world.sent(&alice, &draft, &[&signed]).await;
    world.mine(3).await;
    let proven = Sight::Proven(Evidence::Reverted(signed.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    assert_eq!(world.chain.receipt(signed.hash()).await.unwrap().unwrap().gas_used, 24_000);
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Head).await.unwrap(), Atoms::ZERO);
}

/// Transfers to addresses of ours, and no others, in the chain's order.
pub(crate) async fn deposits_are_found(world: &World) {
    let alice = world.funded(1_000).await;
    let (ours, also_ours, foreign) =
        (world.fresh().address(), world.fresh().address(), world.fresh().address());
    let from = world.chain.heads().await.unwrap().head + 1;
    for (to, units) in [(ours, 1), (foreign, 2), (also_ours, 3), (ours, 4)] {
        world.deed(&alice, world.token(), Atoms::ZERO, token::transfer(to, Atoms::new(units))).await;
    }
    world.mine(2).await;
    let to = world.chain.final_height().await.unwrap();
    let found = world.chain.deposits(&[world.token()], &[also_ours, ours], from, to).await.unwrap();
    let short: Vec<_> = found.iter().map(|deposit| (deposit.to, deposit.amount, deposit.height)).collect();
    let one = |to, units, height| (to, Atoms::new(units), height);
    assert_eq!(short, [one(ours, 1, from), one(also_ours, 3, from + 2), one(ours, 4, from + 3)]);
    assert!(found.iter().all(|deposit| deposit.from == alice.address() && deposit.token == world.token()));
    assert!(world.chain.deposits(&[], &[ours], from, to).await.unwrap().is_empty());
    let wide = world.chain.deposits(&[world.token()], &[ours], 0, 2_000).await;
    assert!(matches!(wide, Err(ChainFault::TooWide { .. })), "{wide:?}");
}

/// Levels are in order, cover the base fee twice, and are never nothing.
pub(crate) async fn fees_rise_with_haste(world: &World) {
    let alice = world.funded(10).await;
    for _ in 0..3 {
        world
            .deed(&alice, world.token(), Atoms::ZERO, token::transfer(world.owner.address(), Atoms::new(1)))
            .await;
    }
    let levels = world.chain.fee_levels().await.unwrap();
    let all = [levels.low, levels.medium, levels.high];
    assert!(all.is_sorted_by_key(|level| level.max_priority) && all.is_sorted_by_key(|level| level.max_fee));
    assert!(levels.base_fee > 0 && levels.low.max_priority > 0);
    assert!(
        all.iter().all(|level| level.max_fee >= 2 * levels.base_fee && level.max_fee >= level.max_priority)
    );
}
