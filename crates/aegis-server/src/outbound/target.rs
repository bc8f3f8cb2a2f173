//! Where a request may go, as far as its URL tells. A rule over values, without IO.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::uri::PathAndQuery;

use super::address;

/// Bytes of a URL; longer ones are refused by proxies and logs along the way.
pub const URL_BYTES_MAX: usize = 2048;
/// RFC 1035 §2.3.4.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// What the operator of this instance permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Ports besides 443.
    pub ports: Vec<u16>,
    /// Whether the own machine may be called, also without TLS and on any port: for the sandbox only.
    pub allow_loopback: bool,
}

/// Why a URL may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is no absolute URL of printable ASCII, or too long.
    #[error(
        "it must be an absolute URL of at most 2048 printable ASCII characters, such as https://example.org/hook"
    )]
    Form,
    /// It is not `https` (or, towards the own machine where that is open, `http`).
    #[error("its scheme must be https")]
    Scheme,
    /// It carries a user or a password.
    #[error("it must not carry a user name or password; the signature shows who sends")]
    Credentials,
    /// It carries a fragment, which is never sent.
    #[error("it must not carry a fragment")]
    Fragment,
    /// Its port is not permitted.
    #[error("its port must be 443 or one that this instance permits")]
    Port,
    /// It is, or leads to, an address that is not global unicast.
    #[error("it must lead to a public address, not to a private, local or reserved one")]
    PrivateAddress,
}

impl Flaw {
    /// The name of the broken rule, for programs.
    pub const fn rule(self) -> &'static str {
        match self {
            Flaw::Form => "form",
            Flaw::Scheme => "scheme",
            Flaw::Credentials => "credentials",
            Flaw::Fragment => "fragment",
            Flaw::Port => "port",
            Flaw::PrivateAddress => "private_address",
        }
    }
}

/// The host of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address literal.
    Address(IpAddr),
    /// A name to be resolved, in lower case.
    Name(String),
}

/// As in a URL and in a `Host` header.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Address(address) => write!(f, "{address}"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// A URL that may be called, as far as it tells. Its `Debug` form shows no path: paths and queries hold secrets of
/// receivers.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Whom to call.
    pub host: Host,
    /// On which port.
    pub port: u16,
    /// What to ask for; starts with `/`.
    pub path: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}:{}/…)", self.host, self.port)
    }
}

impl Target {
    /// Reads `text` under `rules`.
    ///
    /// # Errors
    /// The first [`Flaw`], in the order of the enum.
    pub fn parse(text: &str, rules: &Rules) -> Result<Target, Flaw> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !printable || text.len() > URL_BYTES_MAX {
            return Err(Flaw::Form);
        }
        let (scheme, rest) = text.split_once("://").ok_or(Flaw::Form)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(Flaw::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(Flaw::Form)?;
        if authority.contains('@') {
            return Err(Flaw::Credentials);
        }
        if text.contains('#') {
            return Err(Flaw::Fragment);
        }
        let (host, port) = authority_parts(authority)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        PathAndQuery::try_from(path.as_str()).map_err(|_| Flaw::Form)?;
        let own = rules.allow_loopback && is_own_machine(&host);
        if !tls && !own {
            return Err(Flaw::Scheme);
        }
        let port = port.unwrap_or(if tls { HTTPS_PORT } else { HTTP_PORT });
        if !own && port != HTTPS_PORT && !rules.ports.contains(&port) {
            return Err(Flaw::Port);
        }
        if let Host::Address(literal) = host
            && !address::may_be_called(literal, rules.allow_loopback)
        {
            return Err(Flaw::PrivateAddress);
        }
        Ok(Target { tls, host, port, path })
    }

    /// Host and port as the `Host` header has them: a scheme's own port is left out (RFC 9110 §7.2).
    pub fn authority(&self) -> String {
        let usual = if self.tls { HTTPS_PORT } else { HTTP_PORT };
        if self.port == usual { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Whether an address that the host resolved to may be connected to: without TLS only the own machine.
    pub fn admits(&self, resolved: IpAddr, rules: &Rules) -> bool {
        let own = rules.allow_loopback && address::is_loopback(resolved);
        own || (self.tls && address::is_global(resolved) && self.port_is_open(rules))
    }

    /// A name of the own machine may use any port, but only to reach the own machine.
    fn port_is_open(&self, rules: &Rules) -> bool {
        self.port == HTTPS_PORT || rules.ports.contains(&self.port)
    }
}

fn is_own_machine(host: &Host) -> bool {
    match host {
        Host::Address(literal) => address::is_loopback(*literal),
        Host::Name(name) => name == "localhost",
    }
}

fn authority_parts(authority: &str) -> Result<(Host, Option<u16>), Flaw> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (literal, rest) = rest.split_once(']').ok_or(Flaw::Form)?;
        let literal: Ipv6Addr = literal.parse().map_err(|_| Flaw::Form)?;
        return Ok((Host::Address(IpAddr::V6(literal)), port_of(rest)?));
    }
    let end = authority.find(':').unwrap_or(authority.len());
    let (host, rest) = authority.split_at_checked(end).ok_or(Flaw::Form)?;
    Ok((host_of(host).ok_or(Flaw::Form)?, port_of(rest)?))
}

/// Nothing or `:PORT`; port 0 names nothing.
fn port_of(text: &str) -> Result<Option<u16>, Flaw> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix(':').ok_or(Flaw::Form)?;
    let decimal = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse::<u16>().ok().filter(|port| decimal && *port > 0);
    port.map(Some).ok_or(Flaw::Form)
}

/// A dotted quad or a name. A name whose last label is a number would be an address in one of the shorthand forms of old
/// resolvers (`127.1`, `0x7f000001`, `2130706433`), so it is neither.
fn host_of(text: &str) -> Option<Host> {
    if let Ok(literal) = text.parse::<Ipv4Addr>() {
        return Some(Host::Address(IpAddr::V4(literal)));
    }
    let sound = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let number = last.starts_with(|first: char| first.is_ascii_digit());
    let named = text.len() <= NAME_BYTES_MAX && text.split('.').all(sound) && !number;
    named.then(|| Host::Name(text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(allow_loopback: bool) -> Rules {
        Rules { ports: vec![8443], allow_loopback }
    }

    /// What each URL meets where loopback is closed, and where it is open; `None`: it may be called.
    #[test]
    fn judges_the_corpus() {
        use Flaw::{Credentials, Form, Fragment, Port, PrivateAddress, Scheme};
        let corpus = [
            ("https://example.org/hook", None, None),
            ("https://example.org", None, None),
            ("https://example.org?a=b", None, None),
            ("HTTPS://Example.ORG:8443/hook", None, None),
            ("https://example.org:443/", None, None),
            ("https://8.8.8.8/", None, None),
            ("https://[2606:4700:4700::1111]/", None, None),
            ("https://localhost/", None, None),
            ("http://example.org/", Some(Scheme), Some(Scheme)),
            ("http://localhost:4000/", Some(Scheme), None),
            ("http://127.0.0.1:4000/", Some(Scheme), None),
            ("http://[::1]:4000/", Some(Scheme), None),
            ("https://127.0.0.1:4000/", Some(Port), None),
            ("https://127.0.0.1/", Some(PrivateAddress), None),
            ("https://[::1]/", Some(PrivateAddress), None),
            ("https://[::ffff:127.0.0.1]/", Some(PrivateAddress), None),
            ("https://10.0.0.1/", Some(PrivateAddress), Some(PrivateAddress)),
            ("https://169.254.169.254/latest/meta-data", Some(PrivateAddress), Some(PrivateAddress)),
            ("https://[fd00:ec2::254]/", Some(PrivateAddress), Some(PrivateAddress)),
            ("https://[64:ff9b::a9fe:a9fe]/", Some(PrivateAddress), Some(PrivateAddress)),
            ("https://0.0.0.0/", Some(PrivateAddress), Some(PrivateAddress)),
            ("http://10.0.0.1/", Some(Scheme), Some(Scheme)),
            ("http://localhost.example.org/", Some(Scheme), Some(Scheme)),
            ("https://example.org:22/", Some(Port), Some(Port)),
            ("https://example.org:8080/", Some(Port), Some(Port)),
            ("https://user@example.org/", Some(Credentials), Some(Credentials)),
            ("https://user:word@example.org/", Some(Credentials), Some(Credentials)),
            ("https://example.org@127.0.0.1/", Some(Credentials), Some(Credentials)),
            ("https://example.org/#part", Some(Fragment), Some(Fragment)),
            ("https://example.org#@127.0.0.1/", Some(Fragment), Some(Fragment)),
            ("ftp://example.org/", Some(Scheme), Some(Scheme)),
            ("file:///etc/passwd", Some(Scheme), Some(Scheme)),
            ("gopher://127.0.0.1:25/", Some(Scheme), Some(Scheme)),
            ("example.org/hook", Some(Form), Some(Form)),
            ("https:///hook", Some(Form), Some(Form)),
            ("https://", Some(Form), Some(Form)),
            ("https://exa mple.org/", Some(Form), Some(Form)),
            ("https://exämple.org/", Some(Form), Some(Form)),
            ("https://example.org\\@127.0.0.1/", Some(Form), Some(Form)),
            ("https://example.org/\r\nHost: x", Some(Form), Some(Form)),
            ("https://127.1/", Some(Form), Some(Form)),
            ("https://2130706433/", Some(Form), Some(Form)),
            ("https://0x7f000001/", Some(Form), Some(Form)),
            ("https://0177.0.0.1/", Some(Form), Some(Form)),
            ("https://127.0.0.1./", Some(Form), Some(Form)),
            ("https://example.org:0/", Some(Form), Some(Form)),
            ("https://example.org:65536/", Some(Form), Some(Form)),
            ("https://example.org:+443/", Some(Form), Some(Form)),
            ("https://[::1/", Some(Form), Some(Form)),
            ("https://[fe80::1%25eth0]/", Some(Form), Some(Form)),
        ];
        for (text, closed, open) in corpus {
            assert_eq!(Target::parse(text, &rules(false)).err(), closed, "{text}");
            assert_eq!(Target::parse(text, &rules(true)).err(), open, "{text} where loopback is open");
        }
        let long = format!("https://example.org/{}", "a".repeat(URL_BYTES_MAX));
        assert_eq!(Target::parse(&long, &rules(false)), Err(Flaw::Form));
    }

    /// What is read is what is called: name, port, path and the `Host` header.
    #[test]
    fn reads_the_parts() {
        let target = Target::parse("https://Example.org:8443?q=1", &rules(false)).unwrap();
        assert_eq!(
            (target.host.to_string().as_str(), target.port, target.path.as_str()),
            ("example.org", 8443, "/?q=1")
        );
        assert_eq!(target.authority(), "example.org:8443");
        assert_eq!(
            Target::parse("https://[2606:4700::1]/", &rules(false)).unwrap().authority(),
            "[2606:4700::1]"
        );
        assert_eq!(format!("{target:?}"), "Target(example.org:8443/…)");
    }

    /// A name may resolve to public addresses only; in the clear, to the own machine only.
    #[test]
    fn judges_what_a_name_resolved_to() {
        let admits = |url: &str, resolved: &str, open: bool| {
            Target::parse(url, &rules(open)).unwrap().admits(resolved.parse().unwrap(), &rules(open))
        };
        assert!(admits("https://example.org/", "8.8.8.8", false));
        assert!(!admits("https://example.org/", "127.0.0.1", false));
        assert!(admits("https://example.org/", "127.0.0.1", true));
        assert!(!admits("https://example.org/", "10.0.0.1", true));
        assert!(!admits("https://example.org/", "64:ff9b::a9fe:a9fe", true));
        assert!(!admits("http://localhost:4000/", "8.8.8.8", true));
        assert!(!admits("https://localhost:4000/", "8.8.8.8", true));
        assert!(admits("http://localhost:4000/", "::1", true));
    }

    proptest! {
        /// No text makes the reader fail in another way than by a flaw, and what it accepts is never a private literal.
        #[test]
        fn reads_anything(text in "(https?://)?[a-z0-9.:/@#?\\[\\]%\\\\-]{0,40}") {
            if let Ok(target) = Target::parse(&text, &rules(false)) {
                prop_assert!(target.tls && target.path.starts_with('/'));
                if let Host::Address(literal) = target.host {
                    prop_assert!(address::is_global(literal));
                }
            }
        }
    }
}
