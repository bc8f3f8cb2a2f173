//! Signed bytes and their fates: known, refused, waiting, replaced, displaced, vanished and back.

use aegis_evm::fault::{ChainFault, Refusal};
use aegis_evm::fee::FeeCaps;
use aegis_evm::finality::At;
use aegis_evm::send::Presented;
use aegis_evm::sight::SentTransaction;
use aegis_evm::transaction::{FeesTooLow, SignedTransaction, TransactionDraft};
use aegis_wallet::amount::Atoms;
use aegis_wallet::evidence::Evidence;
use aegis_wallet::reconcile::Sight;

use crate::world::World;

async fn refused(world: &World, signed: &SignedTransaction) -> Refusal {
    let presented = world.chain.present(signed).await;
    let Presented::Refused(refusal) = presented else { panic!("{presented:?}") };
    refusal
}

/// The same bytes, presented again at any time, do nothing more.
pub(crate) async fn same_bytes_are_known(world: &World) {
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    let draft = world.transfer(&alice, bob, 3).await;
    let signed = world.submit(&draft, &alice).await;
    assert_eq!(draft.sign(&alice).unwrap(), signed, "signing again gives the same bytes");
    let (kept, read, from) = SignedTransaction::read(signed.bytes()).unwrap();
    assert_eq!((kept, read, from), (signed.clone(), draft, alice.address()));
    assert!(matches!(world.chain.present(&signed).await, Presented::AlreadyKnown));
    world.mine(1).await;
    assert_eq!(refused(world, &signed).await, Refusal::NonceTooLow);
    world.mine(1).await;
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Head).await.unwrap(), Atoms::new(3));
}

/// What a node does not take, it says why.
pub(crate) async fn refusals_have_reasons(world: &World) {
    let (alice, poor) = (world.funded(10).await, world.fresh());
    let bob = world.fresh().address();
    let draft = world.transfer(&poor, bob, 3).await;
    assert_eq!(refused(world, &draft.sign(&poor).unwrap()).await, Refusal::InsufficientFunds);
    let draft = world.transfer(&alice, bob, 3).await;
    let low_gas = TransactionDraft { gas_limit: 20_000, ..draft.clone() };
    assert_eq!(refused(world, &low_gas.sign(&alice).unwrap()).await, Refusal::GasLimit);
    let fees = FeeCaps { max_fee: draft.fees.max_fee, max_priority: draft.fees.max_fee + 1 };
    let inverted = TransactionDraft { fees, ..draft.clone() };
    assert_eq!(refused(world, &inverted.sign(&alice).unwrap()).await, Refusal::FeesInverted);
    let elsewhere = TransactionDraft { chain_id: draft.chain_id + 1, ..draft.clone() };
    assert_eq!(refused(world, &elsewhere.sign(&alice).unwrap()).await, Refusal::WrongChain);
    world.mine(3).await;
    assert_eq!(world.chain.account_nonce(alice.address(), At::Final).await.unwrap(), 0, "nothing happened");
}

/// A transaction ahead of its turn waits; once the gap is filled both are included in order.
pub(crate) async fn a_gap_waits_to_be_filled(world: &World) {
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    let first = world.transfer(&alice, bob, 1).await;
    let second =
        TransactionDraft { account_nonce: first.account_nonce + 1, ..world.transfer(&alice, bob, 2).await };
    let ahead = world.submit(&second, &alice).await;
    let sent = world.sent(&alice, &second, &[&ahead]).await;
    world.mine(1).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Pending);
    assert_eq!(world.chain.pending_nonce(alice.address()).await.unwrap(), first.account_nonce);
    let filling = world.submit(&first, &alice).await;
    assert_eq!(world.chain.pending_nonce(alice.address()).await.unwrap(), second.account_nonce + 1);
    world.mine(3).await;
    for signed in [&filling, &ahead] {
        assert!(world.chain.receipt(signed.hash()).await.unwrap().unwrap().succeeded);
    }
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Final).await.unwrap(), Atoms::new(3));
}

/// Higher fees take the place; lower ones do not; exactly one of all is included.
pub(crate) async fn a_replacement_takes_the_place(world: &World) {
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    let draft = world.transfer(&alice, bob, 3).await;
    let first = world.submit(&draft, &alice).await;
    let slightly = FeeCaps { max_fee: draft.fees.max_fee + 1, max_priority: draft.fees.max_priority + 1 };
    assert_eq!(draft.replacement(slightly), Err(FeesTooLow));
    // Nodes differ in how much more they want; none takes another for the same fees.
    let same_fees = TransactionDraft { fees: draft.fees, ..world.transfer(&alice, bob, 4).await };
    let underpriced = TransactionDraft { account_nonce: draft.account_nonce, ..same_fees };
    assert_eq!(refused(world, &underpriced.sign(&alice).unwrap()).await, Refusal::ReplacementUnderpriced);
    let better = draft.replacement(draft.fees.least_replacement()).unwrap();
    assert_eq!((better.to, better.value, &better.data), (draft.to, draft.value, &draft.data));
    let second = world.submit(&better, &alice).await;
    let sent = world.sent(&alice, &draft, &[&first, &second]).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Pending);
    world.mine(3).await;
    let proven = Sight::Proven(Evidence::Included(second.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Final).await.unwrap(), Atoms::new(3));
}

/// A stuck transaction whose place was taken by a payment of nothing to oneself never takes effect.
pub(crate) async fn a_displacement_ends_the_draft(world: &World) {
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    let draft = world.transfer(&alice, bob, 3).await;
    let stuck = world.submit(&draft, &alice).await;
    let displacing = draft.displacement(alice.address(), draft.fees.least_replacement()).unwrap();
    let displacing = world.submit(&displacing, &alice).await;
    let mut sent = world.sent(&alice, &draft, &[&stuck]).await;
    sent.displacements.push(displacing.hash());
    world.mine(1).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Included);
    world.mine(2).await;
    let proven = Sight::Proven(Evidence::Displaced(displacing.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    assert_eq!(refused(world, &stuck).await, Refusal::NonceTooLow);
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Final).await.unwrap(), Atoms::ZERO);
}

/// A transaction that none of ours knows used the account nonce: it is found in its block and named.
pub(crate) async fn a_stranger_is_found(world: &World) {
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    let draft = world.transfer(&alice, bob, 3).await;
    let ours = draft.sign(&alice).unwrap();
    let sent = world.sent(&alice, &draft, &[&ours]).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Absent);
    let other = world.submit(&world.transfer(&alice, bob, 1).await, &alice).await;
    world.mine(4).await;
    let proven = Sight::Proven(Evidence::Displaced(other.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    let far = SentTransaction { since: 0, ..sent };
    let found = world.chain.look_at_transaction(&far).await;
    assert!(matches!(found, Ok(Sight::Proven(_)) | Err(ChainFault::TooWide { .. })), "{found:?}");
}

/// A block that is not final can vanish, and its transaction with it; the same bytes bring it back.
pub(crate) async fn an_unfinal_block_can_vanish(world: &World) {
    let (alice, bob) = (world.funded(10).await, world.fresh().address());
    world.mine(2).await;
    let draft = world.transfer(&alice, bob, 3).await;
    let signed = world.submit(&draft, &alice).await;
    let sent = world.sent(&alice, &draft, &[&signed]).await;
    world.mine(1).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Included);
    world.reorg(1).await;
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), Sight::Absent);
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Head).await.unwrap(), Atoms::ZERO);
    assert!(world.chain.receipt(signed.hash()).await.unwrap().is_none());
    assert!(matches!(world.chain.present(&signed).await, Presented::Accepted));
    world.mine(3).await;
    let proven = Sight::Proven(Evidence::Included(signed.hash()));
    assert_eq!(world.chain.look_at_transaction(&sent).await.unwrap(), proven);
    assert_eq!(world.chain.token_balance(world.token(), bob, At::Final).await.unwrap(), Atoms::new(3));
}

/// The chain is the configured one, and final, safe and newest blocks stand in this order.
pub(crate) async fn heads_are_in_order(world: &World) {
    world.mine(5).await;
    world.chain.check_identity().await.unwrap();
    let heads = world.chain.heads().await.unwrap();
    assert!(heads.final_height <= heads.safe && heads.safe <= heads.head);
    assert_eq!(heads.final_height, heads.head - 2);
}
