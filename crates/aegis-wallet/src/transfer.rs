//! Transfers: what a request may say, and what it may cost.

use std::collections::BTreeSet;

use crate::address::{Address, LetterCase};
use crate::amount::{Atoms, Dec, NotDec};
use crate::asset::Token;
use crate::code::Code;

/// The fields of a request, strings as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    /// `destination`
    pub destination: &'a str,
    /// `amount`
    pub amount: &'a str,
    /// `token`; USDC if absent.
    pub token: Option<&'a str>,
}

/// What a destination is held against.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The agent's own address.
    pub own: Address,
    /// The contracts of the configuration: tokens, vaults, routers.
    pub contracts: &'a BTreeSet<Address>,
    /// Whether the policy refuses an address that fails EIP-55.
    pub require_checksum: bool,
}

/// A request that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// To whom.
    pub destination: Address,
    /// How much.
    pub amount: Dec,
    /// Of what.
    pub token: Token,
    /// What the answer should warn about.
    pub warnings: Vec<&'static str>,
}

/// The warning about an address that fails EIP-55.
pub const CHECKSUM_WARNING: &str = "destination: mixed case does not match EIP-55";

/// A field that cannot stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldFlaw {
    /// `amount` is no amount.
    #[error(transparent)]
    Amount(NotDec),
    /// `destination` is no address.
    #[error("must be {}", Address::FORM)]
    DestinationForm,
    /// `destination` is the zero address, the agent's own or a contract of the configuration.
    #[error("must be neither the zero address, the agent's own, nor a configured contract")]
    DestinationRefused,
    /// `destination` fails EIP-55 and the policy demands that it does not.
    #[error("mixed case does not match EIP-55, which the policy requires")]
    DestinationChecksum,
    /// `token` is none that can be transferred.
    #[error("must be USDC or EURC")]
    Token,
}

impl FieldFlaw {
    /// RFC 6901 pointer to the field.
    pub const fn pointer(&self) -> &'static str {
        match self {
            FieldFlaw::Amount(_) => "/amount",
            FieldFlaw::DestinationForm | FieldFlaw::DestinationRefused | FieldFlaw::DestinationChecksum => {
                "/destination"
            }
            FieldFlaw::Token => "/token",
        }
    }

    /// The name of the broken rule in `violations[].rule`.
    pub const fn rule(&self) -> &'static str {
        match self {
            FieldFlaw::Amount(NotDec::Form) | FieldFlaw::DestinationForm => "pattern",
            FieldFlaw::Amount(NotDec::Fraction { .. }) => "precision",
            FieldFlaw::Amount(NotDec::Zero) => "minimum",
            FieldFlaw::Amount(NotDec::TooLarge) => "maximum",
            FieldFlaw::DestinationRefused => "destination",
            FieldFlaw::DestinationChecksum => "checksum",
            FieldFlaw::Token => "enum",
        }
    }

    /// The code of a refusal in which every violation is of this class.
    pub const fn code(&self) -> Code {
        match self {
            FieldFlaw::Amount(_) => Code::InvalidAmount,
            FieldFlaw::DestinationForm | FieldFlaw::DestinationRefused | FieldFlaw::DestinationChecksum => {
                Code::InvalidAddress
            }
            FieldFlaw::Token => Code::ValidationError,
        }
    }
}

/// The code that violations of these classes have together: their own if they share it.
pub fn common_code(codes: impl IntoIterator<Item = Code>) -> Code {
    let mut codes = codes.into_iter();
    let first = codes.next().unwrap_or(Code::ValidationError);
    if codes.all(|code| code == first) { first } else { Code::ValidationError }
}

/// Reads the fields of a transfer.
///
/// # Errors
/// Every [`FieldFlaw`] there is.
pub fn read(fields: Fields<'_>, around: &Surroundings<'_>) -> Result<Transfer, Vec<FieldFlaw>> {
    let (mut flaws, mut warnings) = (Vec::new(), Vec::new());
    let destination = Address::parse(fields.destination);
    match destination {
        None => flaws.push(FieldFlaw::DestinationForm),
        Some((address, case)) => {
            let refused =
                address == Address::ZERO || address == around.own || around.contracts.contains(&address);
            if refused {
                flaws.push(FieldFlaw::DestinationRefused);
            }
            match (case, around.require_checksum) {
                (LetterCase::Mismatched, true) => flaws.push(FieldFlaw::DestinationChecksum),
                (LetterCase::Mismatched, false) => warnings.push(CHECKSUM_WARNING),
                (LetterCase::Plain | LetterCase::Checksummed, _) => {}
            }
        }
    }
    let token = match fields.token.map(Token::parse) {
        None => Some(Token::Usdc),
        Some(Some(token @ (Token::Usdc | Token::Eurc))) => Some(token),
        Some(None | Some(Token::CirBtc)) => None,
    };
    if token.is_none() {
        flaws.push(FieldFlaw::Token);
    }
    // An amount is read for the token it is of; for none, as generously as for any.
    let fraction_max = token.unwrap_or(Token::CirBtc).fraction_max();
    let amount = Dec::parse(fields.amount, fraction_max);
    flaws.extend(amount.err().map(FieldFlaw::Amount));
    match (destination, token, amount) {
        (Some((destination, _)), Some(token), Ok(amount)) if flaws.is_empty() => {
            Ok(Transfer { destination, amount, token, warnings })
        }
        _ => Err(flaws),
    }
}

/// Gas that one step may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasBound {
    /// Units of gas its transaction may use.
    pub limit: u64,
    /// The highest price per unit that any replacement of it may offer, in atomic units of the gas coin.
    pub price_max: Atoms,
    /// How many transactions the step may have that are included, retries after a proven failure counted.
    pub transactions: u8,
}

/// The ceiling of all fees of an action: what its hold sets aside beside the principal. Of a transaction and its
/// replacements one at most is included, so replacements raise the price and not the number. Nothing if that is
/// beyond the range of amounts.
pub fn fee_ceiling(steps: &[GasBound]) -> Option<Atoms> {
    steps.iter().try_fold(Atoms::ZERO, |sum, step| {
        let one = step.price_max.checked_times(step.limit)?;
        sum.checked_add(one.checked_times(u64::from(step.transactions))?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Address = Address::from_bytes([1; 20]);
    const CONTRACT: Address = Address::from_bytes([2; 20]);
    const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

    fn read_with(fields: Fields<'_>, require_checksum: bool) -> Result<Transfer, Vec<FieldFlaw>> {
        let contracts = BTreeSet::from([CONTRACT]);
        read(fields, &Surroundings { own: OWN, contracts: &contracts, require_checksum })
    }

    fn flaws(destination: &str, amount: &str, token: Option<&str>) -> Vec<FieldFlaw> {
        read_with(Fields { destination, amount, token }, false).unwrap_err()
    }

    /// The reference's own call runs as written, with the contract's warning.
    #[test]
    fn reference_call() {
        let fields = Fields {
            destination: "0x8E8F5064f20D235F899c7553F1BEE77A235F4828",
            amount: "10.00",
            token: None,
        };
        let transfer = read_with(fields, false).unwrap();
        assert_eq!((transfer.token, transfer.amount.to_string().as_str()), (Token::Usdc, "10.00"));
        assert_eq!(transfer.warnings, ["destination: mixed case does not match EIP-55"]);
        assert_eq!(read_with(fields, true).unwrap_err(), [FieldFlaw::DestinationChecksum]);
        let fine = Fields { destination: PAYEE, token: Some("EURC"), ..fields };
        assert!(read_with(fine, true).unwrap().warnings.is_empty());
    }

    /// All flaws are listed; one class keeps its own code, several share the general one.
    #[test]
    fn flaws_are_listed() {
        assert_eq!(flaws(PAYEE, "0", None), [FieldFlaw::Amount(NotDec::Zero)]);
        let all = flaws("0x12", "1e3", Some("cirBTC"));
        assert_eq!(all, [FieldFlaw::DestinationForm, FieldFlaw::Token, FieldFlaw::Amount(NotDec::Form)]);
        let code = |flaws: &[FieldFlaw]| common_code(flaws.iter().map(FieldFlaw::code));
        assert_eq!(code(&all), Code::ValidationError);
        assert_eq!(code(&flaws("0x12", "1", None)), Code::InvalidAddress);
        assert_eq!(code(&flaws(PAYEE, "-1", None)), Code::InvalidAmount);
        for refused in [Address::ZERO, OWN, CONTRACT] {
            assert_eq!(flaws(&refused.to_string(), "1", None), [FieldFlaw::DestinationRefused]);
        }
        let shown: Vec<_> = all.iter().map(|flaw| (flaw.pointer(), flaw.rule())).collect();
        assert_eq!(shown, [("/destination", "pattern"), ("/token", "enum"), ("/amount", "pattern")]);
    }

    /// Steps add up, retries multiply, and no sum wraps.
    #[test]
    fn ceiling_covers_every_step() {
        let step =
            |limit, price, transactions| GasBound { limit, price_max: Atoms::new(price), transactions };
        assert_eq!(fee_ceiling(&[step(50_000, 3, 1), step(100_000, 2, 3)]), Some(Atoms::new(750_000)));
        assert_eq!(fee_ceiling(&[]), Some(Atoms::ZERO));
        assert_eq!(fee_ceiling(&[GasBound { price_max: Atoms::MAX, ..step(2, 0, 1) }]), None);
    }
}
