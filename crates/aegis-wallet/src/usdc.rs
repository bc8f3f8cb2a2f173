//! Values in USDC, in which every limit is written, and the rates that lead there.

use std::fmt;

use aegis_core::closed_set;
use aegis_core::time::Timestamp;
use ruint::aliases::U256;

use crate::amount::{Atoms, Dec, Decimals, NotDec};

/// A rate older than this no longer says what something is worth.
pub const RATE_AGE_SECONDS_MAX: i64 = 300;

/// A value in millionths of a USDC: 0 to 2^63 − 1, so that it and every sum fit a column that can be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usdc(u64);

impl Usdc {
    /// Nothing.
    pub const ZERO: Usdc = Usdc(0);
    /// The largest value: some nine trillion USDC.
    pub const MAX: Usdc = Usdc(i64::MAX.unsigned_abs());

    /// So many millionths, unless above [`Usdc::MAX`].
    pub const fn from_micros(micros: u64) -> Option<Usdc> {
        if micros <= Usdc::MAX.0 { Some(Usdc(micros)) } else { None }
    }

    /// So many whole USDC, at most [`Usdc::MAX`].
    pub const fn whole(usdc: u32) -> Usdc {
        Usdc((usdc as u64).saturating_mul(1_000_000))
    }

    /// Millionths.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Reads the text of a request or a policy: above zero, up to 1000000, at most six decimals.
    ///
    /// # Errors
    /// [`NotDec`]
    pub fn parse(text: &str) -> Result<Usdc, NotDec> {
        let atoms = Dec::parse(text, Decimals::SIX)?.atoms(Decimals::SIX).ok_or(NotDec::TooLarge)?;
        Usdc::of(atoms).ok_or(NotDec::TooLarge)
    }

    /// So many units of a token with six decimals that is worth a USDC each.
    fn of(atoms: Atoms) -> Option<Usdc> {
        u64::try_from(atoms.integer()).ok().and_then(Usdc::from_micros)
    }

    /// The same value in units of USDC where it has so many decimals; what does not fit is cut off.
    pub fn atoms(self, decimals: Decimals) -> Option<Atoms> {
        Atoms::new(u128::from(self.0)).floor_to(Decimals::SIX, decimals)
    }

    /// The sum, unless above [`Usdc::MAX`].
    pub const fn checked_add(self, other: Usdc) -> Option<Usdc> {
        match self.0.checked_add(other.0) {
            Some(sum) => Usdc::from_micros(sum),
            None => None,
        }
    }

    /// The sum, at most [`Usdc::MAX`]: for comparing with limits, which are far below it.
    #[must_use]
    pub const fn saturating_add(self, other: Usdc) -> Usdc {
        let sum = self.0.saturating_add(other.0);
        if sum <= Usdc::MAX.0 { Usdc(sum) } else { Usdc::MAX }
    }

    /// The difference, unless below nothing.
    pub const fn checked_sub(self, other: Usdc) -> Option<Usdc> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Usdc(rest)),
            None => None,
        }
    }

    /// The difference, or nothing where `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Usdc) -> Usdc {
        Usdc(self.0.saturating_sub(other.0))
    }
}

/// Writes at least two decimals and no further trailing zeros.
impl fmt::Display for Usdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Atoms::new(u128::from(self.0)).to_decimal(Decimals::SIX))
    }
}

closed_set! {
    /// Where a rate comes from, the most trusted first.
    RateSource {
        /// A price feed contract that the operator configured.
        PriceFeed = "price_feed",
        /// A quote of the configured router.
        RouterQuote = "router_quote",
        /// A number in the configuration; its instant is the one it is used at.
        Fixed = "fixed",
    }
}

/// Decimals of a rate's value.
const RATE_DECIMALS: Decimals = Decimals::EIGHTEEN;

/// What one whole token was worth in USDC, according to whom and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// USDC per whole token, in units of 10^-18; above zero.
    pub value: Atoms,
    /// Who says so.
    pub source: RateSource,
    /// When it was so.
    pub at: Timestamp,
}

/// There is no rate to value an amount by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no source has a rate younger than five minutes")]
pub struct RateUnavailable;

impl Rate {
    /// The most trusted of `offered` that is neither nothing, older than five minutes, nor from the future by
    /// more than that.
    ///
    /// # Errors
    /// [`RateUnavailable`] if none is.
    pub fn best(offered: &[Rate], now: Timestamp) -> Result<Rate, RateUnavailable> {
        let usable = |rate: &&Rate| {
            let age = now.seconds_since(rate.at);
            !rate.value.is_zero() && (-RATE_AGE_SECONDS_MAX..=RATE_AGE_SECONDS_MAX).contains(&age)
        };
        offered.iter().filter(usable).min_by_key(|rate| rate.source).copied().ok_or(RateUnavailable)
    }

    /// The value as decimal text.
    pub fn to_decimal(&self) -> String {
        self.value.to_decimal(RATE_DECIMALS)
    }
}

/// What `atoms` of something with so many `decimals` are worth, rounded up to six decimals: at `rate`, or one
/// for one where there is none because it is USDC itself. Nothing if the value is beyond [`Usdc::MAX`].
pub fn value(atoms: Atoms, decimals: Decimals, rate: Option<&Rate>) -> Option<Usdc> {
    let rate = rate.map_or_else(|| RATE_DECIMALS.unit(), |rate| rate.value.integer());
    let fine = atoms.integer().checked_mul(rate)?.checked_mul(U256::from(1_000_000_u32))?;
    let unit = decimals.unit().checked_mul(RATE_DECIMALS.unit())?;
    if unit.is_zero() { None } else { Usdc::of(Atoms::from_integer(fine.div_ceil(unit))) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(value: u128, source: RateSource, at: i64) -> Rate {
        Rate { value: Atoms::new(value), source, at: Timestamp::from_seconds(at) }
    }

    /// USDC of six and of eighteen decimals is itself; anything finer than a millionth counts as one.
    #[test]
    fn values_round_up() {
        assert_eq!(value(Atoms::new(1), Decimals::SIX, None), Usdc::from_micros(1));
        assert_eq!(value(Atoms::new(1), Decimals::EIGHTEEN, None), Usdc::from_micros(1));
        assert_eq!(value(Atoms::new(10_u128.pow(18)), Decimals::EIGHTEEN, None), Some(Usdc::whole(1)));
        let euro = rate(1_100_000_000_000_000_001, RateSource::PriceFeed, 0);
        assert_eq!(value(Atoms::new(1_000_000), Decimals::SIX, Some(&euro)), Usdc::from_micros(1_100_001));
        assert_eq!(value(Atoms::ZERO, Decimals::SIX, Some(&euro)), Some(Usdc::ZERO));
        assert_eq!(value(Atoms::MAX, Decimals::SIX, None), None);
        assert_eq!(
            (euro.to_decimal().as_str(), Usdc::whole(3).to_string().as_str()),
            ("1.100000000000000001", "3.00")
        );
    }

    /// The order of sources wins over freshness, age over both.
    #[test]
    fn best_rate_is_fresh_and_trusted() {
        let now = Timestamp::from_seconds(1_000);
        let quote = rate(2, RateSource::RouterQuote, 1_000);
        assert_eq!(
            Rate::best(&[quote, rate(1, RateSource::PriceFeed, 700)], now).unwrap().value,
            Atoms::new(1)
        );
        assert_eq!(Rate::best(&[quote, rate(1, RateSource::PriceFeed, 699)], now), Ok(quote));
        assert_eq!(Rate::best(&[rate(0, RateSource::Fixed, 1_000)], now), Err(RateUnavailable));
        assert_eq!(Rate::best(&[], now), Err(RateUnavailable));
    }

    /// Limits are read like amounts.
    #[test]
    fn limits_are_decimals() {
        assert_eq!(Usdc::parse("50000"), Ok(Usdc::whole(50_000)));
        assert_eq!(Usdc::parse("0"), Err(NotDec::Zero));
        assert_eq!(Usdc::from_micros(u64::MAX), None);
        assert_eq!(Usdc::MAX.checked_add(Usdc::whole(1)), None);
        assert_eq!(Usdc::MAX.saturating_add(Usdc::MAX), Usdc::MAX);
    }

    proptest! {
        /// A part is never worth more than the whole, so a settlement within its hold stays within its value.
        #[test]
        fn value_is_monotone(whole in 0_u64.., part in 0_u64.., price in 1_u64..) {
            let rate = rate(u128::from(price), RateSource::Fixed, 0);
            let worth = |units: u64| value(Atoms::new(u128::from(units)), Decimals::EIGHT, Some(&rate));
            prop_assert!(worth(whole.min(part)) <= worth(whole.max(part)));
        }
    }
}
