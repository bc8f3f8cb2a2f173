//! Balances: what a wallet has on a chain, and what of it is free.

use crate::amount::Atoms;
use crate::asset::Asset;

/// What a wallet has of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funds {
    /// Of what.
    pub asset: Asset,
    /// On the chain, at its final height.
    pub on_chain: Atoms,
    /// Set aside by open holds.
    pub held: Atoms,
}

/// One row of a balance as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// On the chain, exact.
    pub amount: String,
    /// Free to spend: at the decimals a request may write, rounded down.
    pub available: String,
    /// Set aside: at the same decimals, rounded up, so that both together never promise too much.
    pub held: String,
}

/// `INSUFFICIENT_BALANCE`: the first asset that does not suffice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the wallet has {available} {coin} free and needs {required}", available = self.available(),
    coin = .funds.asset.coin, required = self.required())]
pub struct InsufficientBalance {
    /// What there is.
    pub funds: Funds,
    /// What is needed, in atomic units.
    pub needed: Atoms,
}

impl InsufficientBalance {
    /// `details.required`, exact.
    pub fn required(&self) -> String {
        self.needed.to_decimal(self.funds.asset.decimals)
    }

    /// `details.available`
    pub fn available(&self) -> String {
        self.funds.row().available
    }

    /// `details.held`
    pub fn held(&self) -> String {
        self.funds.row().held
    }
}

impl Funds {
    /// What is not set aside.
    pub const fn free(&self) -> Atoms {
        self.on_chain.saturating_sub(self.held)
    }

    /// The same without what one hold set aside: for judging the action again that placed it.
    #[must_use]
    pub fn without(&self, reserves: &[(Asset, Atoms)]) -> Funds {
        let own =
            reserves.iter().find(|(asset, _)| *asset == self.asset).map_or(Atoms::ZERO, |(_, atoms)| *atoms);
        Funds { held: self.held.saturating_sub(own), ..self.clone() }
    }

    /// As people read it.
    pub fn row(&self) -> Row {
        let (own, shown) = (self.asset.decimals, self.asset.shown_decimals());
        // Never more decimals than the asset has, so neither conversion can leave the range.
        let spendable = self.on_chain.floor_to(own, shown).unwrap_or(Atoms::ZERO);
        let held = self.held.ceil_to(own, shown).unwrap_or(Atoms::MAX);
        Row {
            amount: self.on_chain.to_decimal(own),
            available: spendable.saturating_sub(held).to_decimal(shown),
            held: held.to_decimal(shown),
        }
    }
}

/// Whether `funds` cover everything `needed`. An asset nothing is known of is one the wallet has nothing of.
///
/// # Errors
/// [`InsufficientBalance`]
pub fn cover(needed: &[(Asset, Atoms)], funds: &[Funds]) -> Result<(), InsufficientBalance> {
    for (asset, atoms) in needed {
        let nothing = || Funds { asset: asset.clone(), on_chain: Atoms::ZERO, held: Atoms::ZERO };
        let found = funds.iter().find(|funds| funds.asset == *asset).cloned().unwrap_or_else(nothing);
        if found.free() < *atoms {
            return Err(InsufficientBalance { funds: found, needed: *atoms });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Decimals;
    use crate::asset::{Coin, Token};
    use crate::hold::tests::asset;

    /// A gas coin shows its full precision and promises six decimals, rounded against the agent.
    #[test]
    fn rows_promise_too_little() {
        let asset = asset(Coin::Token(Token::Usdc), Decimals::EIGHTEEN);
        let funds = Funds {
            asset,
            on_chain: Atoms::new(10_000_001_999_999_999_999),
            held: Atoms::new(1_000_000_000_000_000_001),
        };
        let row = funds.row();
        assert_eq!((row.amount.as_str(), row.available.as_str()), ("10.000001999999999999", "9.00"));
        assert_eq!(row.held, "1.000001");
    }

    /// Exactly enough is enough, holds count, and what is missing is named with its numbers.
    #[test]
    fn missing_funds_are_named() {
        let usdc = asset(Coin::Token(Token::Usdc), Decimals::SIX);
        let gas = asset(Coin::Gas, Decimals::EIGHTEEN);
        let funds = [Funds { asset: usdc.clone(), on_chain: Atoms::new(10), held: Atoms::new(4) }];
        assert_eq!(cover(&[(usdc.clone(), Atoms::new(6))], &funds), Ok(()));
        let refused = cover(&[(usdc.clone(), Atoms::new(7))], &funds).unwrap_err();
        assert_eq!(refused.to_string(), "the wallet has 0.000006 USDC free and needs 0.000007");
        assert_eq!((refused.required().as_str(), refused.held().as_str()), ("0.000007", "0.000004"));
        assert_eq!(cover(&[(gas, Atoms::new(1))], &funds).unwrap_err().funds.asset.coin, Coin::Gas);
        let own = funds[0].without(&[(usdc.clone(), Atoms::new(4))]);
        assert_eq!(cover(&[(usdc, Atoms::new(10))], &[own]), Ok(()));
    }
}
