//! Payment authorizations: used once, cancelled, lapsed, or for another domain.

use aegis_evm::eip3009::{Cancellation, PaymentAuthorization, TokenDomain};
use aegis_evm::fault::ChainFault;
use aegis_evm::finality::At;
use aegis_evm::key::AccountKey;
use aegis_evm::read::CallRequest;
use aegis_evm::sight::SentAuthorization;
use aegis_wallet::amount::Atoms;
use aegis_wallet::evidence::Evidence;
use aegis_wallet::reconcile::Sight;

use crate::world::World;

async fn authorization(world: &World, payer: &AccountKey) -> PaymentAuthorization {
    let head = world.chain.heads().await.unwrap().head;
    let now = world.chain.block_seconds(head).await.unwrap().unwrap();
    PaymentAuthorization {
        from: payer.address(),
        to: world.fresh().address(),
        value: Atoms::new(250_000),
        valid_after: now - 600,
        valid_before: now + 600,
        nonce: [7; 32],
    }
}

async fn sent(world: &World, authorization: &PaymentAuthorization) -> SentAuthorization {
    SentAuthorization {
        token: world.token(),
        authorizer: authorization.from,
        nonce: authorization.nonce,
        valid_before: authorization.valid_before,
        since: world.chain.final_height().await.unwrap(),
    }
}

async fn would_revert(world: &World, from: &AccountKey, data: Vec<u8>) -> bool {
    let call = CallRequest { from: from.address(), to: world.token(), value: Atoms::ZERO, data };
    matches!(world.chain.estimate_gas(&call).await, Err(ChainFault::Reverted { .. }))
}

/// Anyone may present it, the payer needs no coin for gas, and it moves the amount once: final use is proof, and a second
/// presentation reverts.
pub(crate) async fn authorization_pays_once(world: &World) {
    let (payer, relayer) = (world.funded(1_000_000).await, world.funded(0).await);
    let authorization = authorization(world, &payer).await;
    let sent = sent(world, &authorization).await;
    let call = authorization.present(&authorization.sign(&world.domain, &payer).unwrap());
    assert_eq!(world.chain.look_at_authorization(&sent).await.unwrap(), Sight::Absent);

    let draft = world.place(&relayer).await.draft(world.token(), Atoms::ZERO, call.clone(), 200_000);
    let signed = world.submit(&draft, &relayer).await;
    world.mine(1).await;
    assert_eq!(world.chain.look_at_authorization(&sent).await.unwrap(), Sight::Included);
    let used = |at| world.chain.authorization_used(world.token(), payer.address(), authorization.nonce, at);
    assert!(used(At::Head).await.unwrap() && !used(At::Final).await.unwrap());
    world.mine(2).await;
    let proven = Sight::Proven(Evidence::AuthorizationUsed(signed.hash()));
    assert_eq!(world.chain.look_at_authorization(&sent).await.unwrap(), proven);

    assert!(would_revert(world, &relayer, call.clone()).await);
    let again = world.place(&relayer).await.draft(world.token(), Atoms::ZERO, call, 200_000);
    let again = world.submit(&again, &relayer).await;
    world.mine(1).await;
    assert!(!world.chain.receipt(again.hash()).await.unwrap().unwrap().succeeded);
    let paid = world.chain.token_balance(world.token(), authorization.to, At::Head).await.unwrap();
    assert_eq!(paid, Atoms::new(250_000));
}

/// A final cancellation is proof that it pays nobody.
pub(crate) async fn cancelled_authorization_pays_nobody(world: &World) {
    let payer = world.funded(1_000_000).await;
    let authorization = authorization(world, &payer).await;
    let sent = sent(world, &authorization).await;
    let cancellation = Cancellation { authorizer: payer.address(), nonce: authorization.nonce };
    let signature = payer.sign_digest(&cancellation.digest(&world.domain)).unwrap();
    world.deed(&payer, world.token(), Atoms::ZERO, cancellation.present(&signature)).await;
    world.mine(2).await;
    let sight = world.chain.look_at_authorization(&sent).await.unwrap();
    assert!(matches!(sight, Sight::Proven(Evidence::AuthorizationCancelled(_))), "{sight:?}");
    let call = authorization.present(&authorization.sign(&world.domain, &payer).unwrap());
    assert!(would_revert(world, &payer, call).await);
}

/// A final block later than its end, and nobody used it.
pub(crate) async fn unused_authorization_lapses(world: &World) {
    let payer = world.funded(1_000_000).await;
    world.mine(3).await;
    let final_height = world.chain.final_height().await.unwrap();
    let seconds = world.chain.block_seconds(final_height).await.unwrap().unwrap();
    let mut authorization = authorization(world, &payer).await;
    authorization.valid_before = seconds;
    let at_the_end = sent(world, &authorization).await;
    assert_eq!(world.chain.look_at_authorization(&at_the_end).await.unwrap(), Sight::Absent);
    let past = SentAuthorization { valid_before: seconds - 1, ..at_the_end };
    let proven = Sight::Proven(Evidence::AuthorizationLapsed(final_height));
    assert_eq!(world.chain.look_at_authorization(&past).await.unwrap(), proven);
    let call = authorization.present(&authorization.sign(&world.domain, &payer).unwrap());
    assert!(would_revert(world, &payer, call).await);
}

/// What is signed for the payee alone is of no use to others.
pub(crate) async fn only_the_payee_receives(world: &World) {
    let (payer, payee, thief) = (world.funded(1_000_000).await, world.funded(0).await, world.funded(0).await);
    let authorization = PaymentAuthorization { to: payee.address(), ..authorization(world, &payer).await };
    let signature = payer.sign_digest(&authorization.receive_digest(&world.domain)).unwrap();
    assert!(would_revert(world, &thief, authorization.receive(&signature)).await);
    assert!(would_revert(world, &payee, authorization.present(&signature)).await, "another message type");
    world.deed(&payee, world.token(), Atoms::ZERO, authorization.receive(&signature)).await;
    let paid = world.chain.token_balance(world.token(), payee.address(), At::Head).await.unwrap();
    assert_eq!(paid, authorization.value);
}

/// A signature for another chain, version, name or contract is none here.
pub(crate) async fn other_domains_sign_nothing(world: &World) {
    let payer = world.funded(1_000_000).await;
    let authorization = authorization(world, &payer).await;
    let right = world.domain.clone();
    for wrong in [
        TokenDomain { chain_id: right.chain_id + 1, ..right.clone() },
        TokenDomain { version: "1".into(), ..right.clone() },
        TokenDomain { name: "Other".into(), ..right.clone() },
        TokenDomain { contract: payer.address(), ..right.clone() },
    ] {
        let call = authorization.present(&authorization.sign(&wrong, &payer).unwrap());
        assert!(would_revert(world, &payer, call).await, "{wrong:?}");
    }
    let call = authorization.present(&authorization.sign(&right, &payer).unwrap());
    world.deed(&payer, world.token(), Atoms::ZERO, call).await;
}
