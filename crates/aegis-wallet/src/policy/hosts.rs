//! Which services an agent may pay, and to whom each of them may send the money.

use std::fmt;

use aegis_core::closed_set;

use super::ListMode;
use crate::address::Address;
use crate::usdc::Usdc;

closed_set! {
    /// Whether the first payee of a service becomes its only one.
    PinPayee {
        /// It does, until an operator resets it.
        FirstUse = "first_use",
        /// It does not.
        Off = "off",
    }
}

/// A host name, lower case, with its port where that is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Box<str>);

impl Host {
    /// Takes 1 to 253 characters `a-z 0-9 . - _` (or an address in brackets) and perhaps `:` and a port; letters
    /// are made lower case.
    pub fn parse(text: &str) -> Option<Host> {
        let text = text.to_ascii_lowercase();
        let bracketed = text.starts_with('[').then(|| text.rfind(']')).flatten();
        let split = text.rfind(':').filter(|colon| bracketed.is_none_or(|end| *colon > end));
        let (name, port) = split.map_or((text.as_str(), None), |colon| {
            let (name, port) = text.split_at(colon);
            (name, port.strip_prefix(':'))
        });
        let name_fits = (1..=253).contains(&name.len())
            && if bracketed.is_some() {
                name.strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'))
                    .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
            } else {
                name.split('.').all(|label| {
                    let fits =
                        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
                    !label.is_empty() && label.bytes().all(fits)
                })
            };
        let port_fits = port.is_none_or(|port| {
            let plain = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
            plain && port.parse::<u16>().is_ok()
        });
        (name_fits && port_fits).then(|| Host(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One host, or with `*.` all hosts below one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern {
    below: bool,
    host: Host,
}

impl HostPattern {
    /// What [`HostPattern::parse`] accepts, for messages.
    pub const FORM: &'static str = "a host name, optionally *. before it and : and a port behind it";

    /// Takes a host, perhaps with `*.` before it.
    pub fn parse(text: &str) -> Option<HostPattern> {
        let below = text.strip_prefix("*.");
        Some(HostPattern { below: below.is_some(), host: Host::parse(below.unwrap_or(text))? })
    }

    /// Whether `host` is meant. `*.example.com` does not mean `example.com` itself.
    pub fn means(&self, host: &Host) -> bool {
        if self.below {
            host.0.strip_suffix(&*self.host.0).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        } else {
            *host == self.host
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.host)
    }
}

/// One allowed service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Which.
    pub host: HostPattern,
    /// The payees it may name; whoever it names first if absent.
    pub pay_to: Option<Vec<Address>>,
    /// The most one call may cost.
    pub max_per_call: Option<Usdc>,
}

/// The rules about services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// Whether [`Hosts::allow`] is complete.
    pub mode: ListMode,
    /// Allowed ones; an entry's bounds hold in both modes.
    pub allow: Vec<HostEntry>,
    /// Denied ones, whatever else is allowed.
    pub deny: Vec<HostPattern>,
    /// Whether the first payee is pinned.
    pub pin_payee: PinPayee,
}

impl Default for Hosts {
    fn default() -> Hosts {
        Hosts { mode: ListMode::Any, allow: Vec::new(), deny: Vec::new(), pin_payee: PinPayee::FirstUse }
    }
}

impl Hosts {
    /// Whether a denied pattern means `host`.
    pub fn denies(&self, host: &Host) -> bool {
        self.deny.iter().any(|pattern| pattern.means(host))
    }

    /// The entry that means `host`: an exact one before any `*.`, of these the longest.
    pub fn entry(&self, host: &Host) -> Option<&HostEntry> {
        let meant = self.allow.iter().filter(|entry| entry.host.means(host));
        meant.max_by_key(|entry| (!entry.host.below, entry.host.host.0.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    /// A star means everything below and nothing beside.
    #[test]
    fn patterns_mean_what_they_say() {
        let below = HostPattern::parse("*.Example.com").unwrap();
        assert!(below.means(&host("a.example.com")) && below.means(&host("b.a.example.com")));
        for other in ["example.com", "badexample.com", "a.example.com.evil", "a.example.com:8443"] {
            assert!(!below.means(&host(other)), "{other}");
        }
        assert!(HostPattern::parse("example.com:8443").unwrap().means(&host("EXAMPLE.com:8443")));
        assert_eq!(below.to_string(), "*.example.com");
        for bad in ["", "*", "*.", "a..b", "a b", "a:0", "a:70000", "a:", "https://a", "*.*.a", "a/b", "[::1"]
        {
            assert_eq!(HostPattern::parse(bad), None, "{bad}");
        }
        assert!(Host::parse("[::1]:8080").is_some() && Host::parse("127.0.0.1:8080").is_some());
    }

    /// The most specific entry wins.
    #[test]
    fn exact_entries_win() {
        let entry = |text: &str| HostEntry {
            host: HostPattern::parse(text).unwrap(),
            pay_to: None,
            max_per_call: None,
        };
        let hosts = Hosts {
            allow: vec![entry("*.example.com"), entry("*.a.example.com"), entry("b.a.example.com")],
            ..Hosts::default()
        };
        let found = |text: &str| hosts.entry(&host(text)).map(|entry| entry.host.to_string());
        assert_eq!(found("x.example.com").as_deref(), Some("*.example.com"));
        assert_eq!(found("x.a.example.com").as_deref(), Some("*.a.example.com"));
        assert_eq!(found("b.a.example.com").as_deref(), Some("b.a.example.com"));
        assert_eq!(found("other.org"), None);
    }
}
