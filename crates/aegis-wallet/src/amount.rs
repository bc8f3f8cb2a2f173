//! Amounts: whole numbers of atomic units, and their decimal text.
//!
//! Nothing here is a floating-point number, and nothing rounds unless its name says how.

use std::fmt;

use ruint::aliases::U256;

/// Decimals a token or coin may have at most: above that its unit would be no amount any more.
pub const DECIMALS_MAX: u8 = 36;
/// Digits of the widest 256-bit number; the width of [`Atoms::to_column`].
const COLUMN_DIGITS: usize = 78;
/// Decimals the text of every amount shows at least.
const SHOWN_DECIMALS_MIN: usize = 2;

/// How many decimals one whole token is divided into, 0 to [`DECIMALS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimals(u8);

impl Decimals {
    /// Six: USDC and EURC as tokens.
    pub const SIX: Decimals = Decimals(6);
    /// Eight: cirBTC.
    pub const EIGHT: Decimals = Decimals(8);
    /// Eighteen: coins that pay for gas, USDC among them where it is one.
    pub const EIGHTEEN: Decimals = Decimals(18);

    /// Takes 0 to [`DECIMALS_MAX`].
    pub const fn new(decimals: u8) -> Option<Decimals> {
        if decimals <= DECIMALS_MAX { Some(Decimals(decimals)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Atomic units of one whole token.
    pub(crate) fn unit(self) -> U256 {
        U256::from(10).saturating_pow(U256::from(self.0))
    }
}

/// An amount in atomic units of some token: 0 to 2^256 − 1, the range of the chain's own integers. Which token
/// it is stands beside it, in an [`crate::asset::Asset`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Atoms(U256);

impl Atoms {
    /// Nothing.
    pub const ZERO: Atoms = Atoms(U256::ZERO);
    /// The largest amount a chain can name.
    pub const MAX: Atoms = Atoms(U256::MAX);

    /// So many units.
    pub fn new(units: u128) -> Atoms {
        Atoms(U256::from(units))
    }

    /// The chain's integer, big-endian.
    pub const fn from_be_bytes(bytes: [u8; 32]) -> Atoms {
        Atoms(U256::from_be_bytes(bytes))
    }

    /// The integer as the chain encodes it, big-endian.
    pub const fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self == Atoms::ZERO
    }

    /// The sum, unless it leaves the range.
    pub const fn checked_add(self, other: Atoms) -> Option<Atoms> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Atoms(sum)),
            None => None,
        }
    }

    /// The difference, unless it is below nothing.
    pub const fn checked_sub(self, other: Atoms) -> Option<Atoms> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Atoms(rest)),
            None => None,
        }
    }

    /// The difference, or nothing where `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Atoms) -> Atoms {
        Atoms(self.0.saturating_sub(other.0))
    }

    /// `units` times this amount, unless that leaves the range: what gas costs at a price.
    pub fn checked_times(self, units: u64) -> Option<Atoms> {
        self.0.checked_mul(U256::from(units)).map(Atoms)
    }

    /// All of `amounts` together, unless that leaves the range.
    pub fn sum(amounts: impl IntoIterator<Item = Atoms>) -> Option<Atoms> {
        amounts.into_iter().try_fold(Atoms::ZERO, Atoms::checked_add)
    }

    /// Seventy-eight digits: the form of rows, in which text sorts as numbers do.
    pub fn to_column(self) -> String {
        format!("{:0>width$}", self.0.to_string(), width = COLUMN_DIGITS)
    }

    /// Reads [`Atoms::to_column`] and nothing else.
    pub fn from_column(text: &str) -> Option<Atoms> {
        let digits = text.len() == COLUMN_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| U256::from_str_radix(text, 10).ok().map(Atoms)).flatten()
    }

    /// The same amount with fewer decimals, what does not fit cut off; with more decimals, exact.
    pub fn floor_to(self, from: Decimals, to: Decimals) -> Option<Atoms> {
        match scale(from, to) {
            Scale::Up(factor) => self.0.checked_mul(factor).map(Atoms),
            Scale::Down(factor) => self.0.checked_div(factor).map(Atoms),
        }
    }

    /// The same amount with fewer decimals, rounded up; with more decimals, exact.
    pub fn ceil_to(self, from: Decimals, to: Decimals) -> Option<Atoms> {
        match scale(from, to) {
            Scale::Up(factor) => self.0.checked_mul(factor).map(Atoms),
            Scale::Down(factor) => (!factor.is_zero()).then(|| Atoms(self.0.div_ceil(factor))),
        }
    }

    /// The decimal text of so many units: exact, at least two decimals, further zeros cut off.
    pub fn to_decimal(self, decimals: Decimals) -> String {
        let places = usize::from(decimals.0);
        let digits = format!("{:0>width$}", self.0.to_string(), width = places.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
        let fraction = fraction.trim_end_matches('0');
        format!("{whole}.{fraction:0<SHOWN_DECIMALS_MIN$}")
    }

    pub(crate) const fn integer(self) -> U256 {
        self.0
    }

    pub(crate) const fn from_integer(integer: U256) -> Atoms {
        Atoms(integer)
    }
}

enum Scale {
    Up(U256),
    Down(U256),
}

fn scale(from: Decimals, to: Decimals) -> Scale {
    if to >= from {
        Scale::Up(Decimals(to.0.saturating_sub(from.0)).unit())
    } else {
        Scale::Down(Decimals(from.0.saturating_sub(to.0)).unit())
    }
}

/// Writes the integer.
impl fmt::Display for Atoms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Atoms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Decimals a [`Dec`] is kept with: the most any token's text may have.
const DEC_DECIMALS: Decimals = Decimals::EIGHT;
/// The largest amount a request may name, in units of 10^-8.
const DEC_MAX: u64 = 1_000_000 * 100_000_000;

/// The amount of a request: a decimal above zero and up to 1000000, with at most eight decimals.
///
/// ```
/// use aegis_wallet::amount::{Dec, Decimals, NotDec};
/// let amount = Dec::parse("10.50", Decimals::SIX)?;
/// assert_eq!(amount.to_string(), "10.50");
/// assert_eq!(amount.atoms(Decimals::EIGHTEEN).map(|atoms| atoms.to_string()).as_deref(), Some("10500000000000000000"));
/// assert_eq!(Dec::parse("1e3", Decimals::SIX), Err(NotDec::Form));
/// # Ok::<(), NotDec>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dec(u64);

/// Why a text is no amount of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDec {
    /// A sign, an exponent, a space, a leading zero, more than seven whole digits, nothing around the point.
    #[error("must be a decimal like \"10.50\": up to 7 digits, no sign, exponent, space or leading zero")]
    Form,
    /// More decimals than the token has.
    #[error("must have at most {max} decimals")]
    Fraction {
        /// Decimals of the token.
        max: u8,
    },
    /// Nothing.
    #[error("must be more than 0")]
    Zero,
    /// Above 1000000.
    #[error("must be at most 1000000")]
    TooLarge,
}

impl Dec {
    /// Reads `^(0|[1-9][0-9]{0,6})(\.[0-9]{1,fraction_max})?$` within (0, 1000000]. A `fraction_max` above
    /// eight counts as eight.
    ///
    /// # Errors
    /// [`NotDec`], the first that holds in the order of its variants.
    pub fn parse(text: &str, fraction_max: Decimals) -> Result<Dec, NotDec> {
        let (whole, fraction) =
            text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let canonical = whole == "0" || !whole.starts_with('0');
        if !digits(whole) || whole.len() > 7 || !canonical || !fraction.is_none_or(digits) {
            return Err(NotDec::Form);
        }
        let fraction = fraction.unwrap_or_default();
        let max = fraction_max.min(DEC_DECIMALS).0;
        if fraction.len() > usize::from(max) {
            return Err(NotDec::Fraction { max });
        }
        let padded = format!("{whole}{fraction:0<width$}", width = usize::from(DEC_DECIMALS.0));
        let units = padded.parse().map_err(|_| NotDec::Form)?;
        match units {
            0 => Err(NotDec::Zero),
            units if units > DEC_MAX => Err(NotDec::TooLarge),
            units => Ok(Dec(units)),
        }
    }

    /// The amount in atomic units of a token with so many decimals; nothing if that is no whole number.
    pub fn atoms(self, decimals: Decimals) -> Option<Atoms> {
        let fine = Atoms(U256::from(self.0));
        let exact = fine.floor_to(DEC_DECIMALS, decimals)?;
        (exact.floor_to(decimals, DEC_DECIMALS)? == fine).then_some(exact)
    }
}

/// Writes at least two decimals and no further trailing zeros.
impl fmt::Display for Dec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Atoms(U256::from(self.0)).to_decimal(DEC_DECIMALS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each clause of the grammar on both sides.
    #[test]
    fn grammar_is_exact() {
        for (text, shown) in [
            ("0.1", "0.10"),
            ("1", "1.00"),
            ("1000000", "1000000.00"),
            ("0.000001", "0.000001"),
            ("2.500", "2.50"),
        ] {
            assert_eq!(Dec::parse(text, Decimals::SIX).unwrap().to_string(), shown);
        }
        for text in [
            "", "+1", "-1", "1e3", " 1", "1 ", "01", "00", "1.", ".5", "1.2.3", "12345678", "1,0", "\u{661}",
            "0x1", "NaN",
        ] {
            assert_eq!(Dec::parse(text, Decimals::SIX), Err(NotDec::Form), "{text:?}");
        }
        assert_eq!(Dec::parse("0.0000001", Decimals::SIX), Err(NotDec::Fraction { max: 6 }));
        assert!(Dec::parse("0.00000001", Decimals::EIGHT).is_ok());
        assert_eq!(Dec::parse("0.000000001", Decimals::EIGHTEEN), Err(NotDec::Fraction { max: 8 }));
        assert_eq!(Dec::parse("0.00", Decimals::SIX), Err(NotDec::Zero));
        assert_eq!(Dec::parse("1000000.000001", Decimals::SIX), Err(NotDec::TooLarge));
    }

    /// A text that a token cannot hold exactly is no amount of it.
    #[test]
    fn conversion_is_exact_or_nothing() {
        let fine = Dec::parse("0.00000001", Decimals::EIGHT).unwrap();
        assert_eq!(fine.atoms(Decimals::SIX), None);
        assert_eq!(fine.atoms(Decimals::EIGHT), Some(Atoms::new(1)));
        assert_eq!(Decimals::new(37), None);
    }

    /// Rounding goes where its name says, and rows keep the whole range.
    #[test]
    fn rounding_is_named() {
        let odd = Atoms::new(1_000_000_000_001);
        assert_eq!(odd.floor_to(Decimals::EIGHTEEN, Decimals::SIX), Some(Atoms::new(1)));
        assert_eq!(odd.ceil_to(Decimals::EIGHTEEN, Decimals::SIX), Some(Atoms::new(2)));
        assert_eq!(Atoms::MAX.floor_to(Decimals::SIX, Decimals::EIGHTEEN), None);
        assert_eq!(Atoms::from_column(&Atoms::MAX.to_column()), Some(Atoms::MAX));
        assert_eq!(Atoms::from_column("1"), None);
        assert_eq!(Atoms::from_column(&"9".repeat(78)), None);
        assert_eq!(Atoms::ZERO.to_decimal(Decimals::new(0).unwrap()), "0.00");
        assert_eq!(Atoms::MAX.checked_add(Atoms::new(1)), None);
        assert_eq!(Atoms::new(1).checked_sub(Atoms::new(2)), None);
        assert_eq!(Atoms::MAX.checked_times(2), None);
    }

    proptest! {
        /// Text to units and back keeps every amount a request can name, in tokens of any precision.
        #[test]
        fn text_and_units_agree(units in 1_u64..=1_000_000_000_000, decimals in 6_u8..=36) {
            let (decimals, six) = (Decimals::new(decimals).unwrap(), Atoms::new(u128::from(units)));
            let dec = Dec::parse(&six.to_decimal(Decimals::SIX), Decimals::SIX).unwrap();
            let atoms = dec.atoms(decimals).unwrap();
            prop_assert_eq!(atoms.floor_to(decimals, Decimals::SIX), Some(six));
            prop_assert_eq!(atoms.to_decimal(decimals), dec.to_string());
            prop_assert_eq!(Atoms::from_column(&atoms.to_column()), Some(atoms));
            prop_assert_eq!(Atoms::from_be_bytes(atoms.to_be_bytes()), atoms);
        }

        /// Columns sort as numbers do.
        #[test]
        fn columns_sort(left: u128, right: u128) {
            let (left, right) = (Atoms::new(left), Atoms::new(right));
            prop_assert_eq!(left.cmp(&right), left.to_column().cmp(&right.to_column()));
        }
    }
}
