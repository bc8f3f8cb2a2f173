//! Every scenario on the chain in process, each a test of its own; all of them in a row on a node.

use std::pin::Pin;

use aegis_evm::chain::{Chain, Identity};
use aegis_evm::fault::ChainFault;
use aegis_evm::send::Presented;

use crate::world::World;
use crate::{authorizations, movements, submissions};

type Scenario = for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! suite {
    ($($module:ident :: $name:ident,)+) => {
        const SUITE: &[(&str, Scenario)] =
            &[$((concat!(stringify!($module), "::", stringify!($name)), |world| Box::pin($module::$name(world))),)+];

        mod sim {
            //! On the chain in process.
            $(
                #[tokio::test]
                async fn $name() {
                    super::$module::$name(&super::World::on_sim()).await;
                }
            )+
        }
    };
}

suite! {
    movements::transfers_move_balances,
    movements::blocked_payee_receives_nothing,
    movements::paused_token_moves_nothing,
    movements::too_little_gas_reverts,
    movements::deposits_are_found,
    movements::fees_rise_with_haste,
    authorizations::authorization_pays_once,
    authorizations::cancelled_authorization_pays_nobody,
    authorizations::unused_authorization_lapses,
    authorizations::only_the_payee_receives,
    authorizations::other_domains_sign_nothing,
    submissions::same_bytes_are_known,
    submissions::refusals_have_reasons,
    submissions::a_gap_waits_to_be_filled,
    submissions::a_replacement_takes_the_place,
    submissions::a_displacement_ends_the_draft,
    submissions::a_stranger_is_found,
    submissions::an_unfinal_block_can_vanish,
    submissions::heads_are_in_order,
}

#[expect(clippy::disallowed_methods, reason = "says what to test against; no rule reads it")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The same scenarios on a node, one after the other: they share its head. Without a node there is nothing to show.
#[tokio::test]
async fn suite_on_anvil() {
    let Some(url) = setting("AEGIS_TEST_ANVIL") else { return };
    for (round, (name, scenario)) in (1..).zip(SUITE) {
        eprintln!("on anvil: {name}");
        scenario(&World::on_anvil(&url, round, None).await).await;
    }
    the_wrong_chain_is_refused(&url).await;
    // In the same test, because only one of them may say when the node makes blocks.
    let Some(package) = setting("AEGIS_TEST_FIAT_TOKEN") else { return };
    for (round, (name, scenario)) in (101..).zip(SUITE) {
        eprintln!("on anvil, with FiatToken: {name}");
        scenario(&World::on_anvil(&url, round, Some(&package)).await).await;
    }
}

/// The same scenarios with Circle's contracts on the chain in process.
#[tokio::test]
async fn suite_with_fiat_token() {
    let Some(package) = setting("AEGIS_TEST_FIAT_TOKEN") else { return };
    for (name, scenario) in SUITE {
        eprintln!("in process, with FiatToken: {name}");
        scenario(&World::on_sim_with(&package).await).await;
    }
}

/// A node on another chain than configured is asked for nothing else.
async fn the_wrong_chain_is_refused(url: &str) {
    let world = World::on_anvil(url, 99, None).await;
    let identity = Identity { name: world.chain.name().clone(), id: 1, finality: world.chain.finality() };
    let wrong = Chain::rpc(identity, &[url.to_owned()]).unwrap();
    for fault in [wrong.check_identity().await, wrong.final_height().await.map(|_| ())] {
        assert!(matches!(fault, Err(ChainFault::WrongChain { expected: 1, .. })), "{fault:?}");
    }
    let signed = world.transfer(&world.owner, world.fresh().address(), 0).await.sign(&world.owner).unwrap();
    assert!(matches!(wrong.present(&signed).await, Presented::NotSent(ChainFault::WrongChain { .. })));
}
