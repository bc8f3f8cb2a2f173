//! E-mail addresses in the one form in which they are compared.

use std::fmt;

/// Characters of an address at most, and of the part before the `@`.
const EMAIL_CHARS: std::ops::RangeInclusive<usize> = 3..=254;
const LOCAL_CHARS_MAX: usize = 64;

/// An address: trimmed, lower case, its domain in A-label form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(Box<str>);

impl Email {
    /// What [`Email::parse`] accepts, for messages.
    pub const FORM: &'static str = "an e-mail address of 3-254 characters, ASCII before the @";

    /// Reads an address as somebody may have typed it. The part before the `@` is ASCII without spaces, quotes or
    /// comments; the domain may be in any script.
    pub fn parse(text: &str) -> Option<Email> {
        let text = text.trim();
        if text.chars().count() > *EMAIL_CHARS.end() {
            return None;
        }
        let (local, domain) = text.rsplit_once('@')?;
        let domain = idna::domain_to_ascii(domain).ok()?;
        let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        let atoms = local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
        let labels = domain.split('.').all(|label| {
            let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
        });
        let email = format!("{local}@{domain}").to_ascii_lowercase();
        let fits = atoms && labels && local.len() <= LOCAL_CHARS_MAX && EMAIL_CHARS.contains(&email.len());
        fits.then(|| Email(email.into()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One person typed differently is one address; what is none is refused.
    #[test]
    fn one_form() {
        let plain = Email::parse("your-agent@example.com").unwrap();
        assert_eq!(Email::parse(" Your-Agent@EXAMPLE.com\n").unwrap(), plain);
        assert_eq!(plain.domain(), "example.com");
        let script = Email::parse("a@B\u{fc}cher.example").unwrap();
        assert_eq!(script.as_str(), "a@xn--bcher-kva.example");
        assert_eq!(Email::parse(script.as_str()), Some(script));
        let long = format!("{}@b.c", "a".repeat(65));
        let far = format!("a@{}com", "b.".repeat(127));
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c.d",
            "a..b@c.d",
            ".a@c.d",
            "\u{e4}@c.d",
            "a@b@c.d",
            "\"a\"@c.d",
            "a@-c.d",
            &far,
            &long,
        ] {
            assert_eq!(Email::parse(bad), None, "{bad:?}");
        }
    }
}
