//! Random lives of a chain in process, and random bytes for its readers.

use aegis_evm::fee::FeeCaps;
use aegis_evm::finality::At;
use aegis_evm::send::Presented;
use aegis_evm::sim::{GasCoin, Gift, Orphans, Pace, SANDBOX_TOKENS, SimChain};
use aegis_evm::transaction::{Place, SignedTransaction, TransactionDraft};
use aegis_wallet::amount::{Atoms, Decimals};
use proptest::prelude::*;

use crate::world::{World, clock, key, settings};

/// One step: what, by whom, how much.
type Step = (u8, u8, u8);

/// Transfers between three wallets with account nonces near the right ones, blocks, reorganizations, lost and forgotten
/// transactions, restarts. After each step every unit is somewhere, and nobody has used an account nonce twice.
async fn live(steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain");
    let (clock, _) = clock(1_800_000_000);
    let settings = settings(GasCoin::Usdc, Pace::OnDemand);
    let mut sim = SimChain::open(settings.clone(), clock.clone(), &file).unwrap();
    let usdc = SANDBOX_TOKENS[0].contract;
    let wallets = [key(0xa1), key(0xa2), key(0xa3)];
    for wallet in &wallets {
        sim.give(wallet.address(), Gift::Token(usdc, Atoms::new(1_000_000_000))).unwrap();
    }
    sim.mine(3).unwrap();
    let collector =
        aegis_wallet::address::Address::parse("0x0000000000000000000000000000000000C0FFEE").unwrap().0;
    for (what, who, much) in steps {
        let world = World::over_sim(sim.clone());
        let from = &wallets[usize::from(*who) % 3];
        let to = wallets[usize::from(*who / 3) % 3].address();
        match what % 8 {
            0..=2 => {
                let next = world.chain.pending_nonce(from.address()).await.unwrap();
                let account_nonce = (next + u64::from(*much % 3)).saturating_sub(u64::from(*who % 2));
                let max_fee = 3_000_000_000 + u128::from(*much) * 100_000_000;
                let fees = FeeCaps { max_fee, max_priority: 1 + u128::from(*much) };
                let place = Place { chain_id: 31_338, account_nonce, fees };
                let draft =
                    TransactionDraft::token_transfer(place, usdc, to, Atoms::new(u128::from(*much)), 100_000);
                let presented = world.chain.present(&draft.sign(from).unwrap()).await;
                assert!(!matches!(presented, Presented::Unknown(_) | Presented::NotSent(_)), "{presented:?}");
            }
            3 | 4 => drop(sim.mine(u64::from(*much % 3)).unwrap()),
            5 => {
                let heads = sim.heads().unwrap();
                let depth = u64::from(*much % 3).min(heads.head - heads.final_height);
                sim.reorg(depth, if much % 2 == 0 { Orphans::Wait } else { Orphans::Forgotten }).unwrap();
            }
            6 => sim.give(to, Gift::Native(Atoms::new(u128::from(*much)))).map_or((), |_| ()),
            _ => {
                let before = sim.snapshot().unwrap();
                drop((world, sim));
                sim = SimChain::open(settings.clone(), clock.clone(), &file).unwrap();
                assert!(sim.snapshot().unwrap() == before, "a restart changed something");
            }
        }
        let world = World::over_sim(sim.clone());
        for at in [At::Head, At::Final] {
            let owners =
                wallets.iter().map(aegis_evm::key::AccountKey::address).chain([sim.faucet(), collector]);
            let mut all = Atoms::ZERO;
            for owner in owners {
                all = all.checked_add(world.chain.native_balance(owner, at).await.unwrap()).unwrap();
            }
            let supply = world.chain.token_supply(usdc, at).await.unwrap();
            assert_eq!(supply.floor_to(Decimals::SIX, Decimals::EIGHTEEN), Some(all), "{at:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// See [`live`].
    #[test]
    fn every_unit_is_somewhere(steps in prop::collection::vec(any::<Step>(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live(&steps));
    }

    /// Whatever is kept or comes in, reading it ends, and what it accepts gives the same bytes back.
    #[test]
    fn readers_survive_anything(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0_u8..8) {
        let (clock, _) = clock(0);
        let whole: Vec<u8> = [&[kind][..], &bytes].concat();
        prop_assert!(SimChain::restore(settings(GasCoin::Native, Pace::OnDemand), clock, &whole).is_err());
        if let Ok((kept, _, _)) = SignedTransaction::read(&whole) {
            prop_assert_eq!(kept.bytes(), &whole[..]);
        }
    }
}
