//! What is moved: tokens and coins, each on a chain.

use std::fmt;

use aegis_core::closed_set;

use crate::amount::Decimals;

closed_set! {
    /// A token an agent may name. Spelled exactly so; contract addresses name none.
    Token {
        /// US dollars; also the unit of every limit.
        Usdc = "USDC",
        /// Euros.
        Eurc = "EURC",
        /// Bitcoin.
        CirBtc = "cirBTC",
    }
}

impl Token {
    /// Decimals a request may write, whatever the contract on a chain has.
    pub const fn fraction_max(self) -> Decimals {
        match self {
            Token::Usdc | Token::Eurc => Decimals::SIX,
            Token::CirBtc => Decimals::EIGHT,
        }
    }
}

/// A chain as the instance lists it: 2 to 40 characters `A-Z a-z 0-9 _`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainName(Box<str>);

impl ChainName {
    /// What [`ChainName::parse`] accepts, for messages.
    pub const FORM: &'static str = "a chain name: 2-40 letters, digits, _ or -";

    /// Takes a name of the right form; `-` is read as `_`.
    pub fn parse(text: &str) -> Option<ChainName> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        ((2..=40).contains(&text.len()) && text.bytes().all(fits))
            .then(|| ChainName(text.replace('-', "_").into()))
    }

    /// The name as listed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether somebody who writes `other` means this chain: letter case does not count.
    pub fn means(&self, other: &ChainName) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a wallet holds on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coin {
    /// A token; where USDC is what gas is paid in, also that coin.
    Token(Token),
    /// The coin gas is paid in, where that is no token an agent may name.
    Gas,
}

impl fmt::Display for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Coin::Token(token) => token.fmt(f),
            Coin::Gas => f.write_str("native"),
        }
    }
}

impl Coin {
    /// Reads a token's symbol, or `native`.
    pub fn parse(text: &str) -> Option<Coin> {
        if text == "native" { Some(Coin::Gas) } else { Token::parse(text).map(Coin::Token) }
    }
}

/// One coin on one chain, with the decimals it has there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset {
    /// The chain.
    pub chain: ChainName,
    /// The coin.
    pub coin: Coin,
    /// Decimals of its atomic unit on that chain: 18 for USDC where it pays for gas, 6 elsewhere.
    pub decimals: Decimals,
}

impl Asset {
    /// Decimals in which its spendable amount is shown: those a request may write, where the chain has more.
    pub fn shown_decimals(&self) -> Decimals {
        match self.coin {
            Coin::Token(token) => token.fraction_max().min(self.decimals),
            Coin::Gas => self.decimals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any case and either dash mean the same chain; the listed spelling stays.
    #[test]
    fn chains_are_found_by_any_spelling() {
        let listed = ChainName::parse("Arc_Testnet").unwrap();
        assert!(listed.means(&ChainName::parse("ARC-TESTNET").unwrap()));
        assert!(!listed.means(&ChainName::parse("Arc").unwrap()));
        assert_eq!(listed.to_string(), "Arc_Testnet");
        for bad in ["A", "", "Base Sepolia", "é_é", &"a".repeat(41)] {
            assert_eq!(ChainName::parse(bad), None, "{bad}");
        }
    }

    /// Symbols are exact.
    #[test]
    fn tokens_are_spelled_exactly() {
        assert_eq!(Coin::parse("cirBTC"), Some(Coin::Token(Token::CirBtc)));
        assert_eq!(Coin::parse("CIRBTC"), None);
        assert_eq!(Coin::parse(&Coin::Gas.to_string()), Some(Coin::Gas));
    }
}
