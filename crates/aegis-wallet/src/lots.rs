//! Lots: what each part of a token had cost, first in first out, for the tax ledger.
//!
//! Costs are divided so that no millionth is lost: what a lot cost is what its parts cost together.

use aegis_core::closed_set;
use ruint::aliases::U256;

use crate::amount::Atoms;
use crate::ids::LotId;
use crate::usdc::Usdc;

closed_set! {
    /// What an entry of the tax ledger records.
    TaxKind {
        /// Something came in, at the value of that moment.
        Acquire = "ACQUIRE",
        /// Something went out, at the value of that moment.
        Dispose = "DISPOSE",
        /// The network took something.
        Fee = "FEE",
        /// Something came in that was earned.
        Income = "INCOME",
    }
}

/// What is left of something acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    /// Its name.
    pub id: LotId,
    /// What is left.
    pub atoms: Atoms,
    /// What that had cost.
    pub cost: Usdc,
}

/// What a disposal took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposal {
    /// From which lots, the oldest first; each with what was taken and had cost.
    pub taken: Vec<Lot>,
    /// The lots it changed, as they are left; those with nothing left included.
    pub left: Vec<Lot>,
    /// What no lot covered: it was never recorded as acquired, and counts as having cost nothing.
    pub uncovered: Atoms,
}

impl Disposal {
    /// What all that was taken had cost.
    pub fn cost(&self) -> Usdc {
        self.taken.iter().fold(Usdc::ZERO, |sum, lot| sum.saturating_add(lot.cost))
    }

    /// What `proceeds` are above the cost, or below it: the text of `realizedGainUsdc`, with a sign where it is a loss.
    pub fn gain(&self, proceeds: Usdc) -> String {
        let cost = self.cost();
        proceeds
            .checked_sub(cost)
            .map_or_else(|| format!("-{}", cost.saturating_sub(proceeds)), |gain| gain.to_string())
    }
}

/// Takes `atoms` from `lots`, which stand oldest first.
pub fn dispose(lots: &[Lot], atoms: Atoms) -> Disposal {
    let (mut wanted, mut taken, mut left) = (atoms, Vec::new(), Vec::new());
    for lot in lots.iter().filter(|lot| !lot.atoms.is_zero()) {
        if wanted.is_zero() {
            break;
        }
        let part = lot.atoms.min(wanted);
        let cost = share(lot, part);
        taken.push(Lot { atoms: part, cost, ..*lot });
        left.push(Lot { atoms: lot.atoms.saturating_sub(part), cost: lot.cost.saturating_sub(cost), ..*lot });
        wanted = wanted.saturating_sub(part);
    }
    Disposal { taken, left, uncovered: wanted }
}

/// The part of a lot's cost that falls to `part` of it, rounded down; all of it to the whole.
fn share(lot: &Lot, part: Atoms) -> Usdc {
    // The cost has 63 bits, so only a lot of more than 2^193 units is divided before it is multiplied.
    let cost = U256::from(lot.cost.micros());
    let (part, whole) = (part.integer(), lot.atoms.integer());
    let exact = cost.checked_mul(part).and_then(|product| product.checked_div(whole));
    let share = exact.or_else(|| part.checked_div(whole.checked_div(cost)?));
    share
        .and_then(|share| u64::try_from(share).ok())
        .and_then(Usdc::from_micros)
        .map_or(lot.cost, |share| share.min(lot.cost))
}

#[cfg(test)]
mod tests {
    use aegis_core::entropy::Entropy;
    use aegis_core::moment::Moment;
    use aegis_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn lots(lots: &[(u64, u64)]) -> Vec<Lot> {
        let mut moment = Moment::new(Timestamp::from_seconds(0), Entropy::from_seed([1; 32]));
        let lot = |(atoms, cost): &(u64, u64)| Lot {
            id: moment.new_id(),
            atoms: Atoms::new(u128::from(*atoms)),
            cost: Usdc::from_micros(*cost).unwrap(),
        };
        lots.iter().map(lot).collect()
    }

    /// The oldest lot goes first, and a loss has its sign.
    #[test]
    fn oldest_goes_first() {
        let lots = lots(&[(10, 1_000_000), (10, 3_000_000)]);
        let disposal = dispose(&lots, Atoms::new(15));
        assert_eq!(
            disposal.taken.iter().map(|lot| lot.cost.micros()).collect::<Vec<_>>(),
            [1_000_000, 1_500_000]
        );
        assert_eq!((disposal.left[0].atoms, disposal.left[1].atoms), (Atoms::ZERO, Atoms::new(5)));
        assert_eq!(disposal.gain(Usdc::whole(3)), "0.50");
        assert_eq!(disposal.gain(Usdc::whole(2)), "-0.50");
        assert_eq!(dispose(&lots, Atoms::new(21)).uncovered, Atoms::new(1));
        assert!(dispose(&[], Atoms::ZERO).taken.is_empty());
        let endless = [Lot { atoms: Atoms::MAX, ..lots[0] }];
        assert_eq!(dispose(&endless, Atoms::MAX).cost(), lots[0].cost);
    }

    proptest! {
        /// Neither units nor cost are lost or made, however a holding is sold.
        #[test]
        fn nothing_is_lost(
            held in prop::collection::vec((1_u64..1_000, 0_u64..1_000_000), 0..8),
            sales in prop::collection::vec(0_u64..500, 0..12),
        ) {
            let mut open = lots(&held);
            let total = |lots: &[Lot]| {
                let cost = lots.iter().fold(0, |sum, lot| sum + lot.cost.micros());
                (Atoms::sum(lots.iter().map(|lot| lot.atoms)).unwrap(), cost)
            };
            for sale in sales.into_iter().map(|sale| Atoms::new(u128::from(sale))) {
                let (before, disposal) = (total(&open), dispose(&open, sale));
                for left in &disposal.left {
                    let lot = open.iter_mut().find(|lot| lot.id == left.id).unwrap();
                    *lot = *left;
                }
                let (after, taken) = (total(&open), total(&disposal.taken));
                prop_assert_eq!(after.0.checked_add(taken.0), Some(before.0));
                prop_assert_eq!(after.1 + taken.1, before.1);
                prop_assert_eq!(taken.0.checked_add(disposal.uncovered), Some(sale));
                prop_assert!(open.iter().all(|lot| !lot.atoms.is_zero() || lot.cost == Usdc::ZERO));
            }
        }
    }
}
