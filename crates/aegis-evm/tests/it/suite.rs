//! Every scenario on the chain in process, each a test of its own; all of them in a row on a node.

use std::pin::Pin;

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
    submissions::the_wrong_chain_is_refused,
}

/// The same scenarios on a node, one after the other: they share its head. Without a node there is nothing to show.
#[tokio::test]
async fn suite_on_anvil() {
    #[expect(clippy::disallowed_methods, reason = "says which node to test against; no rule reads it")]
    let Ok(url) = std::env::var("AEGIS_TEST_ANVIL") else { return };
    for (round, (name, scenario)) in (1..).zip(SUITE) {
        eprintln!("on anvil: {name}");
        scenario(&World::on_anvil(&url, round).await).await;
    }
}
