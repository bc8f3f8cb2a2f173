//! Bounded strings of the document profile.

use std::fmt;

/// Whether every character is printable ASCII (0x20–0x7E), the only characters a passport holds.
pub fn is_printable(text: &str) -> bool {
    // No early exit: the loop without one is done in vectors, and strings that fail are rare.
    text.bytes().fold(true, |printable, byte| printable & matches!(byte, 0x20..=0x7e))
}

/// `MIN` to `MAX` printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Printable<const MIN: usize, const MAX: usize>(Box<str>);

impl<const MIN: usize, const MAX: usize> Printable<MIN, MAX> {
    /// Takes `text` if its length and characters are within bounds.
    pub fn parse(text: &str) -> Option<Printable<MIN, MAX>> {
        ((MIN..=MAX).contains(&text.len()) && is_printable(text)).then(|| Printable(text.into()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Printable<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The operator's own name for an agent.
pub type AgentName = Printable<1, 64>;

/// One to `MAX` Unicode characters without control characters: what people write as a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence<const MAX: usize>(Box<str>);

impl<const MAX: usize> Sentence<MAX> {
    /// Takes `text` if its length and characters are within bounds.
    pub fn parse(text: &str) -> Option<Sentence<MAX>> {
        let fits = (1..=MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Sentence(text.into()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// ISO 3166 country, country subdivision, or `EU`: `^[A-Z]{2}(-[A-Z0-9]{1,3})?$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Jurisdiction(Box<str>);

impl Jurisdiction {
    /// What [`Jurisdiction::parse`] accepts, for messages.
    pub const FORM: &'static str = "two capital letters, optionally - and 1-3 capital letters or digits";

    /// Takes a code of the right form; whether the country exists is not checked.
    pub fn parse(text: &str) -> Option<Jurisdiction> {
        let (country, part) = match text.split_once('-') {
            Some((country, part)) => (country, Some(part)),
            None => (text, None),
        };
        let country_fits = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        let part_fits = part.is_none_or(|part| {
            (1..=3).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        (country_fits && part_fits).then(|| Jurisdiction(text.into()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The two letters before a subdivision.
    pub fn country(&self) -> &str {
        self.0.split_once('-').map_or(&*self.0, |(country, _)| country)
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds and alphabet: each edge on both sides.
    #[test]
    fn bounds_hold() {
        assert!(AgentName::parse("a").is_some());
        assert!(AgentName::parse(&"a".repeat(64)).is_some());
        for bad in ["", &"a".repeat(65), "tab\t", "caf\u{e9}", "\u{7f}"] {
            assert_eq!(AgentName::parse(bad), None, "{bad:?}");
        }
        for good in ["EU", "US-CA", "DE-BY", "GB-1"] {
            assert_eq!(Jurisdiction::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(Jurisdiction::parse("US-CA").unwrap().country(), "US");
        for bad in ["", "E", "eu", "EUR", "US-", "US-CALI", "US-ca", "US_CA", "U1"] {
            assert_eq!(Jurisdiction::parse(bad), None, "{bad}");
        }
    }
}
