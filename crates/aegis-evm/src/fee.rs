//! Fees: what gas costs, and what to offer for it (EIP-1559).

use aegis_wallet::amount::Atoms;
use alloy::eips::BlockNumberOrTag;
use alloy::providers::Provider as _;

use crate::chain::Chain;
use crate::fault::ChainFault;

/// Blocks whose fees are looked at.
const HISTORY_BLOCKS: u64 = 10;
/// Priority fees of which share of those blocks' gas each level offers, in percent.
const PERCENTILES: [f64; 3] = [10.0, 50.0, 90.0];
/// A fee cap covers so many times the present base fee: six full blocks in a row double it.
const BASE_FEE_HEADROOM: u128 = 2;
/// Every replacement must raise both fees by this much, in percent: what nodes ask for.
pub const REPLACEMENT_PERCENT: u128 = 10;

/// What is offered for one unit of gas, in the smallest unit of the coin that pays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeCaps {
    /// At most, base fee and priority fee together.
    pub max_fee: u128,
    /// For whoever includes the transaction. At most `max_fee`.
    pub max_priority: u128,
}

/// How soon a transaction should be included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeLevels {
    /// Base fee of the next block.
    pub base_fee: u128,
    /// Some time.
    pub low: FeeCaps,
    /// Soon.
    pub medium: FeeCaps,
    /// Next.
    pub high: FeeCaps,
}

impl FeeCaps {
    /// What `gas` units cost at most; nothing if no number can say it.
    pub fn ceiling(&self, gas: u64) -> Option<Atoms> {
        Atoms::new(self.max_fee).checked_times(gas)
    }

    /// The least that replaces a waiting transaction which offers this: both fees raised by
    /// [`REPLACEMENT_PERCENT`], rounded up, and by at least one unit.
    #[must_use]
    pub const fn least_replacement(&self) -> FeeCaps {
        FeeCaps { max_fee: raised(self.max_fee), max_priority: raised(self.max_priority) }
    }

    /// Whether a node lets `other` replace this.
    pub const fn gives_way_to(&self, other: FeeCaps) -> bool {
        let least = self.least_replacement();
        other.max_fee >= least.max_fee && other.max_priority >= least.max_priority
    }

    /// The larger of each, so that `max_priority` never exceeds `max_fee`.
    #[must_use]
    pub const fn at_least(&self, other: FeeCaps) -> FeeCaps {
        let max_priority =
            if self.max_priority > other.max_priority { self.max_priority } else { other.max_priority };
        let max_fee = if self.max_fee > other.max_fee { self.max_fee } else { other.max_fee };
        FeeCaps { max_fee: if max_fee > max_priority { max_fee } else { max_priority }, max_priority }
    }
}

const fn raised(fee: u128) -> u128 {
    let step = fee.saturating_mul(REPLACEMENT_PERCENT).div_ceil(100);
    fee.saturating_add(if step == 0 { 1 } else { step })
}

impl Chain {
    /// What to offer, from the base fee of the next block and what recent transactions paid.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn fee_levels(&self) -> Result<FeeLevels, ChainFault> {
        let history = self
            .ask(async |node| {
                node.get_fee_history(HISTORY_BLOCKS, BlockNumberOrTag::Latest, &PERCENTILES).await
            })
            .await?;
        let base_fee = history.next_block_base_fee().ok_or(ChainFault::Nonsense("no base fee"))?;
        let rewards = history.reward.unwrap_or_default();
        let level = |column: usize| {
            let paid: Vec<u128> =
                rewards.iter().filter_map(|row| row.get(column)).copied().filter(|fee| *fee > 0).collect();
            // The median over the blocks that paid at all: one block of one eager sender moves nothing.
            let max_priority = median(paid).unwrap_or(1);
            let max_fee = base_fee.saturating_mul(BASE_FEE_HEADROOM).saturating_add(max_priority);
            FeeCaps { max_fee, max_priority }
        };
        let low = level(0);
        let medium = low.at_least(level(1));
        Ok(FeeLevels { base_fee, low, medium, high: medium.at_least(level(2)) })
    }
}

fn median(mut values: Vec<u128>) -> Option<u128> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten percent, rounded up, and never nothing.
    #[test]
    fn replacements_cost_more() {
        let caps = |max_fee, max_priority| FeeCaps { max_fee, max_priority };
        assert_eq!(caps(100, 0).least_replacement(), caps(110, 1));
        assert_eq!(caps(101, 7).least_replacement(), caps(112, 8));
        assert!(caps(100, 10).gives_way_to(caps(110, 11)));
        assert!(!caps(100, 10).gives_way_to(caps(1_000, 10)), "both must rise");
        assert_eq!(caps(5, 1).at_least(caps(2, 9)), caps(9, 9));
        assert_eq!(
            caps(u128::MAX, 1).ceiling(2).unwrap().to_string(),
            format!("{}", alloy::primitives::U256::from(u128::MAX) * alloy::primitives::U256::from(2))
        );
        assert_eq!(median(vec![3, 1, 2]), Some(2));
        assert_eq!(median(vec![]), None);
    }
}
