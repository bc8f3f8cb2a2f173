//! What an instance is told by its operator: the only reader of configuration files and of the environment.
//!
//! Defaults (the embedded `config/aegis.toml`) ← the operator's file ← `AEGIS__SECTION__KEY` ← the command
//! line. Parsed once into one value whose parts are moved into what needs them. Whatever is unknown or
//! contradictory stops the start, all of it at once, by its exact key.

mod effective;
mod fields;
mod layers;
mod rules;
mod secret_file;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use aegis_core::secret::Secret;
use aegis_tlog::note::VerifierKey;
use ipnet::IpNet;
use serde::Deserialize;

use crate::http::edge::{AccessLog, EdgeSettings};
use crate::outbound::Rules;

pub use layers::{Overrides, Sources};
pub use rules::ConfigFault;
pub use secret_file::{SecretFileFault, read_kek, read_secret};

/// The defaults: every key with its unit and meaning.
pub const DEFAULTS: &str = include_str!("../../../config/aegis.toml");

/// The variable that holds the API key with which the command line asks a server.
pub const API_KEY_VARIABLE: &str = "AEGIS_API_KEY";

/// The API key that the person at the terminal uses, if one is set.
#[expect(clippy::disallowed_methods, reason = "this file reads the environment; a key there is no setting")]
pub fn api_key_of_process() -> Option<Secret<String>> {
    let key = std::env::var(API_KEY_VARIABLE).ok()?;
    Some(key.trim().to_owned()).filter(|key| !key.is_empty()).map(Secret::new)
}

/// How an instance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In-process parts in place of external ones, test keys, `/sandbox`.
    Sandbox,
    /// For real.
    Production,
}

/// The whole configuration, checked.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Sandbox or production.
    pub mode: Mode,
    /// Directory for what has no place of its own.
    pub data: PathBuf,
    /// Listening, trust and bounds.
    pub http: Http,
    /// Certificate and key.
    pub tls: Tls,
    /// Where rows are kept.
    pub database: Database,
    /// The key that wraps other keys.
    pub keys: Keys,
    /// Passports.
    pub identity: Identity,
    /// The transparency log.
    pub log: Log,
    /// Calls to addresses that others chose.
    pub outbound: Outbound,
    /// Letters.
    pub mail: Mail,
    /// What is told about the running instance.
    pub telemetry: Telemetry,
    #[serde(skip)]
    listing: Vec<effective::Line>,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    #[serde(deserialize_with = "fields::optional")]
    public_origin: Option<String>,
    /// Proxies whose forwarding headers count.
    #[serde(deserialize_with = "fields::networks")]
    pub trusted_proxies: Vec<IpNet>,
    workers: usize,
    /// Open connections.
    pub connections_max: usize,
    requests_max: usize,
    queue_max: usize,
    queue_wait_ms: u64,
    header_timeout_secs: u64,
    body_timeout_secs: u64,
    drain_timeout_secs: u64,
}

/// `[tls]`
#[derive(Debug, Clone, Deserialize)]
pub struct Tls {
    #[serde(deserialize_with = "fields::optional")]
    cert_file: Option<PathBuf>,
    #[serde(deserialize_with = "fields::optional")]
    key_file: Option<PathBuf>,
    reload_secs: u64,
}

/// The two files of a TLS identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM certificate chain, leaf first.
    pub cert_file: PathBuf,
    /// PEM private key.
    pub key_file: PathBuf,
    /// Time between two looks at the files.
    pub reload: Duration,
}

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    #[serde(deserialize_with = "fields::optional")]
    url: Option<String>,
    /// File with the password of the PostgreSQL user.
    #[serde(deserialize_with = "fields::optional")]
    pub password_file: Option<PathBuf>,
    /// Connections.
    pub connections: usize,
}

/// `[keys]`
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    #[serde(deserialize_with = "fields::optional")]
    kek_file: Option<PathBuf>,
}

/// A risk class, by rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RiskClass {
    /// Rank 0.
    Minimal,
    /// Rank 1.
    Limited,
    /// Rank 2.
    High,
    /// Rank 3.
    Critical,
}

/// `[identity]`
#[derive(Debug, Clone, Deserialize)]
pub struct Identity {
    /// Passports one operator key may issue within any hour.
    pub issue_per_hour: u32,
    /// Scopes of a passport whose request names none.
    pub default_scopes: Vec<String>,
    /// Risk class from which on an agent key is compulsory.
    #[serde(deserialize_with = "fields::optional")]
    pub require_agent_pubkey_from: Option<RiskClass>,
    /// Days after which the passport signing key is rotated.
    pub key_rotation_days: u32,
    /// Seconds for which a signed revocation list is good.
    pub status_lifetime_secs: u32,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    #[serde(deserialize_with = "fields::optional")]
    origin: Option<String>,
    interval_ms: u64,
    /// Logs that this instance cosigns.
    #[serde(deserialize_with = "fields::verifier_keys")]
    pub witnessed: Vec<VerifierKey>,
}

/// `[outbound]`
#[derive(Debug, Clone, Deserialize)]
pub struct Outbound {
    ports: Vec<u16>,
    #[serde(deserialize_with = "fields::optional_switch")]
    allow_loopback: Option<bool>,
}

/// `[mail]`
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// The server that takes letters.
    #[serde(deserialize_with = "fields::optional")]
    pub url: Option<String>,
    /// File with the password of its user.
    #[serde(deserialize_with = "fields::optional")]
    pub password_file: Option<PathBuf>,
    /// The sender.
    #[serde(deserialize_with = "fields::optional")]
    pub from: Option<String>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

/// `[telemetry]`
#[derive(Debug, Clone, Deserialize)]
pub struct Telemetry {
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Least severity, or a list of directives.
    pub log_level: String,
    /// Which requests are logged.
    pub access_log: AccessLog,
}

impl Config {
    /// Reads and checks the whole configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its key.
    pub fn load(sources: &Sources) -> Result<Config, ConfigFault> {
        let figment = layers::stack(sources)?;
        let mut config: Config = figment.extract().map_err(ConfigFault::from)?;
        rules::check(&config)?;
        config.listing = effective::list(&figment, &config);
        Ok(config)
    }

    /// The effective configuration as text: one line for each key with where its value came from. There are
    /// no secrets in it, because there are none in a configuration, only paths of files.
    pub fn effective(&self) -> String {
        effective::print(&self.listing)
    }

    /// The public origin, without a slash at the end.
    pub fn public_origin(&self) -> String {
        let scheme = if self.tls.files().is_some() { "https" } else { "http" };
        let derived = || format!("{scheme}://localhost:{}", self.http.listen.port());
        self.http.public_origin.clone().unwrap_or_else(derived)
    }

    /// Where rows are kept: `sqlite:PATH` or `postgres://…`.
    pub fn database_url(&self) -> String {
        let derived = || format!("sqlite:{}", self.data.join("aegis.db").display());
        self.database.url.clone().unwrap_or_else(derived)
    }

    /// The file of the key-encryption key.
    pub fn kek_file(&self) -> PathBuf {
        self.keys.kek_file.clone().unwrap_or_else(|| self.data.join("kek"))
    }

    /// Name of the transparency log.
    pub fn log_origin(&self) -> String {
        let derived = || {
            let origin = self.public_origin();
            format!("{}/log", origin.split_once("://").map_or(origin.as_str(), |(_, host)| host))
        };
        self.log.origin.clone().unwrap_or_else(derived)
    }

    /// Which addresses of others may be called.
    pub fn outbound_rules(&self) -> Rules {
        let derived = self.mode == Mode::Sandbox;
        Rules {
            ports: self.outbound.ports.clone(),
            allow_loopback: self.outbound.allow_loopback.unwrap_or(derived),
        }
    }

    /// The bounds and trust of the edge.
    pub fn edge_settings(&self) -> EdgeSettings {
        EdgeSettings {
            trusted_proxies: self.http.trusted_proxies.clone(),
            body_time: Duration::from_secs(self.http.body_timeout_secs),
            running_max: self.http.requests_max,
            waiting_max: self.http.queue_max,
            waiting_time: Duration::from_millis(self.http.queue_wait_ms),
            access_log: self.telemetry.access_log,
        }
    }
}

impl Http {
    /// Threads that answer requests: as configured, else one for each processor.
    pub fn workers(&self) -> NonZeroUsize {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        NonZeroUsize::new(self.workers).unwrap_or_else(processors)
    }

    /// How long the head of a request may take, and how long a connection may be silent.
    pub fn header_time(&self) -> Duration {
        Duration::from_secs(self.header_timeout_secs)
    }

    /// How long started requests may take when the server stops.
    pub fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_secs)
    }
}

impl Tls {
    /// The TLS identity, if there is one.
    pub fn files(&self) -> Option<TlsFiles> {
        let (cert_file, key_file) = (self.cert_file.clone()?, self.key_file.clone()?);
        Some(TlsFiles { cert_file, key_file, reload: Duration::from_secs(self.reload_secs) })
    }
}

impl Log {
    /// Time between two runs of the sequencer.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }
}

#[cfg(test)]
mod tests;
