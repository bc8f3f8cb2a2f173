//! What must hold between settings, and how a broken rule is told.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Config, Mode};

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigFault(pub(super) Vec<Fault>);

/// One setting that cannot stand.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: String,
    pub(super) source: String,
    pub(super) message: String,
}

impl ConfigFault {
    pub(super) fn one(key: &str, message: impl Into<String>) -> ConfigFault {
        ConfigFault(vec![Fault { key: key.to_owned(), source: String::new(), message: message.into() }])
    }
}

impl std::error::Error for ConfigFault {}

/// One line for each fault: the key as it was written, where, and what is wrong.
impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { key, source, message }) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match (key.is_empty(), source.is_empty()) {
                (true, _) => write!(f, "{message}")?,
                (false, true) => write!(f, "{key}: {message}")?,
                (false, false) => write!(f, "{key} ({source}): {message}")?,
            }
        }
        Ok(())
    }
}

/// A value of the wrong type, or a word that is not one of the permitted ones.
impl From<figment::Error> for ConfigFault {
    fn from(errors: figment::Error) -> ConfigFault {
        let faults = errors.into_iter().map(|error| {
            let source =
                error.metadata.as_ref().map(|metadata| metadata.name.to_string()).unwrap_or_default();
            let key = super::layers::named(&error.path.join("."), &source);
            Fault { key, source, message: error.kind.to_string() }
        });
        ConfigFault(faults.collect())
    }
}

/// Collects what is wrong, by key.
struct Findings(Vec<Fault>);

impl Findings {
    fn require(&mut self, holds: bool, key: &str, message: &str) {
        if !holds {
            let (key, message) = (key.to_owned(), message.to_owned());
            self.0.push(Fault { key, source: String::new(), message });
        }
    }

    fn within<T: PartialOrd + fmt::Display + Copy>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        let message = format!("must be {} to {}", range.start(), range.end());
        self.require(range.contains(&value), key, &message);
    }
}

pub(super) fn check(config: &Config) -> Result<(), ConfigFault> {
    let mut findings = Findings(Vec::new());
    bounds(config, &mut findings);
    exposure(config, &mut findings);
    stores(config, &mut findings);
    mail(config, &mut findings);
    if config.mode == Mode::Production {
        production(config, &mut findings);
    }
    if findings.0.is_empty() { Ok(()) } else { Err(ConfigFault(findings.0)) }
}

fn bounds(config: &Config, findings: &mut Findings) {
    let (http, identity) = (&config.http, &config.identity);
    findings.within("http.workers", http.workers, 0..=1024);
    findings.within("http.connections_max", http.connections_max, 1..=1_000_000);
    findings.within("http.requests_max", http.requests_max, 1..=1_000_000);
    findings.within("http.queue_max", http.queue_max, 0..=1_000_000);
    findings.within("http.queue_wait_ms", http.queue_wait_ms, 0..=60_000);
    findings.within("http.header_timeout_secs", http.header_timeout_secs, 1..=3600);
    findings.within("http.body_timeout_secs", http.body_timeout_secs, 1..=3600);
    findings.within("http.drain_timeout_secs", http.drain_timeout_secs, 0..=3600);
    findings.within("tls.reload_secs", config.tls.reload_secs, 1..=86_400);
    findings.within("database.connections", config.database.connections, 1..=256);
    findings.within("identity.issue_per_hour", identity.issue_per_hour, 0..=1_000_000);
    findings.within("identity.key_rotation_days", identity.key_rotation_days, 1..=3650);
    findings.within("identity.status_lifetime_secs", identity.status_lifetime_secs, 10..=3600);
    findings.within("log.interval_ms", config.log.interval_ms, 10..=1000);
    let ports = &config.outbound.ports;
    let message = "must be at most 32 ports of 1 to 65535";
    findings.require(ports.len() <= 32 && !ports.contains(&0), "outbound.ports", message);
    let scopes = &identity.default_scopes;
    let unique =
        scopes.iter().enumerate().all(|(index, scope)| !scopes.iter().skip(index + 1).any(|s| s == scope));
    let sound = scopes
        .iter()
        .all(|scope| (1..=128).contains(&scope.len()) && scope.bytes().all(|b| b.is_ascii_graphic()));
    findings.require(
        unique && sound && scopes.len() <= 64,
        "identity.default_scopes",
        "must be at most 64 different scopes of 1 to 128 visible ASCII characters",
    );
}

fn mail(config: &Config, findings: &mut Findings) {
    let mail = &config.mail;
    findings.require(
        mail.url.is_none() || mail.from.is_some(),
        "mail.from",
        "must be set, because mail.url is",
    );
    let password = mail.password_file.is_none() || mail.url.is_some();
    findings.require(password, "mail.password_file", "has no meaning without mail.url");
    let user = mail.url.as_deref().and_then(|url| url.split_once("://")?.1.rsplit_once('@'));
    findings.require(
        !user.is_some_and(|(user, _)| user.contains(':')),
        "mail.url",
        "must not contain a password; put it into mail.password_file",
    );
}

/// Credentials travel in headers, so nothing but loopback is served in the clear, unless a proxy is named
/// that adds TLS in front.
fn exposure(config: &Config, findings: &mut Findings) {
    let (cert, key) = (config.tls.cert_file.is_some(), config.tls.key_file.is_some());
    findings.require(cert || !key, "tls.cert_file", "must be set, because tls.key_file is");
    findings.require(key || !cert, "tls.key_file", "must be set, because tls.cert_file is");
    findings.require(
        config.http.listen.port() != 0 || config.http.public_origin.is_some(),
        "http.public_origin",
        "must be set when http.listen leaves the port open: the issuer's name would change with every start",
    );
    let local = config.http.listen.ip().to_canonical().is_loopback();
    findings.require(
        local || cert || key || !config.http.trusted_proxies.is_empty(),
        "http.listen",
        "is not loopback: set tls.cert_file and tls.key_file, or name the proxy that adds TLS in \
         http.trusted_proxies",
    );
    if let Some(origin) = &config.http.public_origin {
        findings.require(
            is_origin(origin),
            "http.public_origin",
            "must be http:// or https://, a host and perhaps a port, and nothing after",
        );
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    // A colon inside brackets belongs to an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    // Lower case only, because the issuer's name is compared byte for byte.
    let named = !host.is_empty()
        && host.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-'));
    let host_sound = address.map_or(named, |address| {
        address.parse::<std::net::Ipv6Addr>().is_ok() && *address == address.to_lowercase()
    });
    let port_sound = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    matches!(scheme, "http" | "https") && host_sound && port_sound
}

fn stores(config: &Config, findings: &mut Findings) {
    let Some(url) = &config.database.url else { return };
    let sqlite = url.strip_prefix("sqlite:").is_some_and(|path| !path.is_empty());
    let server = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let message = "must be `sqlite:PATH` or `postgres://USER@HOST:PORT/NAME`";
    findings.require(sqlite || server.is_some(), "database.url", message);
    let user = server.and_then(|rest| rest.split('/').next()).and_then(|host| host.rsplit_once('@'));
    let inline = user.is_some_and(|(user, _)| user.contains(':')) || url.contains("password=");
    findings.require(
        !inline,
        "database.url",
        "must not contain a password; put it into database.password_file",
    );
    let unused = sqlite && config.database.password_file.is_some();
    findings.require(!unused, "database.password_file", "has no meaning with SQLite");
}

fn production(config: &Config, findings: &mut Findings) {
    let https = config.http.public_origin.as_ref().is_some_and(|origin| origin.starts_with("https://"));
    findings.require(https, "http.public_origin", "must be set to an https:// origin in production");
    let open = config.outbound.allow_loopback == Some(true);
    let message = "must not be true in production: others could reach what listens on this machine alone";
    findings.require(!open, "outbound.allow_loopback", message);
    findings.require(config.keys.kek_file.is_some(), "keys.kek_file", "must be set in production");
    findings.require(config.database.url.is_some(), "database.url", "must be set in production");
}
