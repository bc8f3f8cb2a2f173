//! An instance in this process: put together by its configuration, started, stopped in order.

use std::net::SocketAddr;
use std::time::Instant;

use aegis_core::crypto::aead::SealingKey;
use aegis_core::crypto::sign;
use aegis_kernel::clock::Clock;
use aegis_kernel::job;
use aegis_kernel::mail::{Mailer, Smtp};
use aegis_kernel::os_entropy::EntropySource;
use aegis_passport::risk::Risk;
use aegis_passport::scope::{Scope, Scopes};
use aegis_store::{Fault, Location, OpenMode};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::complaint::Complaint;
use super::sandbox_files;
use crate::app::{App, Mode, Wiring};
use crate::config::{Config, Identity, RiskClass, read_kek, read_secret};
use crate::http::edge::Edge;
use crate::passport::Settings;
use crate::serve::Server;

/// A listening instance with its jobs.
pub(crate) struct Running {
    pub(crate) app: App,
    pub(crate) runtime: Runtime,
    pub(crate) sandbox: Option<sandbox_files::Sandbox>,
    /// The line by which other logs know this instance as their witness, if it is one.
    pub(crate) witness: Option<String>,
    server: Server,
    jobs: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Opens the database, seeds a new sandbox, starts jobs and listens. When this returns, requests are
    /// answered.
    pub(crate) fn start(config: &Config) -> Result<Running, Complaint> {
        let started = Instant::now();
        sign::self_test().map_err(|error| {
            Complaint::internal(format!("this machine computes Ed25519 wrongly: {error}"))
        })?;
        let runtime = runtime()?;
        let app = runtime.block_on(App::open(wiring(config)?)).map_err(|fault| refused(&fault))?;
        let sandbox = match config.mode {
            Mode::Sandbox => Some(runtime.block_on(sandbox_files::seed(&app, config))?),
            Mode::Production => None,
        };
        let witness = if config.log.witnessed.is_empty() {
            None
        } else {
            let verifier = runtime.block_on(app.witnessing.verifier(&app.kernel));
            Some(verifier.map_err(|fault| refused(&fault))?)
        };
        let (router, _) = crate::router::routes(&app);
        let ids = app.kernel.clone();
        let request_ids = Box::new(move || ids.parts().entropy.fork().bytes());
        let edge = Edge::new(router, config.edge_settings(), request_ids).counted_in(app.requests.clone());
        let (stop, stopped) = watch::channel(false);
        let jobs = runtime.block_on(async { app.start_jobs(&stopped) });
        let server = Server::start(edge, &config.http, config.tls.files().as_ref())
            .map_err(|error| Complaint::refused(error.to_string()))?;
        tracing::info!(
            address = %server.address(),
            ed25519 = sign::backend(),
            start_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "ready"
        );
        Ok(Running { app, runtime, sandbox, witness, server, jobs, stop })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Finishes what was started and lets go of the database. Gives the number of connections cut off.
    pub(crate) fn stop(self) -> usize {
        // Streams would go on for as long as their readers like.
        self.app.feed.end();
        let cut_off = self.server.stop();
        self.stop.send_replace(true);
        self.runtime.block_on(async {
            for job in self.jobs {
                // A job that panicked has said so already.
                let _ended = job.await;
            }
        });
        self.app.close();
        cut_off
    }
}

/// The runtime for what is neither a request nor the database.
pub(crate) fn runtime() -> Result<Runtime, Complaint> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("jobs")
        .enable_all()
        .build()
        .map_err(|error| Complaint::internal(format!("cannot start the runtime: {error}")))
}

/// The parts an instance is built from, by its configuration.
pub(crate) fn wiring(config: &Config) -> Result<Wiring, Complaint> {
    let entropy = EntropySource::from_system()
        .map_err(|error| Complaint::internal(format!("the system gives no randomness: {error}")))?;
    let kek_file = config.kek_file();
    if config.mode == Mode::Sandbox {
        sandbox_files::prepare(&config.data, &kek_file, &entropy).map_err(|error| {
            Complaint::refused(format!(
                "cannot prepare the data directory {}: {error}",
                config.data.display()
            ))
        })?;
    }
    let kek = read_kek(&kek_file).map_err(|error| {
        let make = format!("(umask 077; openssl rand -hex 32 > {})", kek_file.display());
        Complaint::usage(format!("keys.kek_file: {error}\n  a new one for a new instance: {make}"))
    })?;
    let clock = match config.mode {
        Mode::Sandbox => Clock::shifted(0),
        Mode::Production => Clock::System,
    };
    Ok(Wiring {
        mode: config.mode,
        location: location(config)?,
        // A database of production is made by `aegis init`, so that a typing error makes none.
        open_mode: match config.mode {
            Mode::Sandbox => OpenMode::CreateIfMissing,
            Mode::Production => OpenMode::MustExist,
        },
        kek: SealingKey::new(kek),
        origin: config.public_origin(),
        log_origin: config.log_origin(),
        clock,
        entropy,
        mailer: mailer(config)?,
        identity: identity(&config.identity)?,
        sequencer_interval: config.log.interval(),
        witnessed: config.log.witnessed.clone(),
        outbound: config.outbound_rules(),
    })
}

/// Where letters go.
fn mailer(config: &Config) -> Result<Mailer, Complaint> {
    let mail = &config.mail;
    let Some(url) = &mail.url else {
        return Ok(match config.mode {
            Mode::Sandbox => Mailer::Mailbox,
            Mode::Production => Mailer::Nowhere,
        });
    };
    let password = mail.password_file.as_deref().map(read_secret).transpose();
    let password = password.map_err(|error| Complaint::usage(format!("mail.password_file: {error}")))?;
    let smtp = Smtp::new(url, password.as_ref(), mail.from.as_deref().unwrap_or_default());
    smtp.map(|smtp| Mailer::Smtp(Box::new(smtp)))
        .map_err(|error| Complaint::usage(format!("mail.url: {error}")))
}

/// The issuer's choices.
fn identity(config: &Identity) -> Result<Settings, Complaint> {
    let scopes = config.default_scopes.iter().map(|text| Scope::parse(text)).collect::<Option<Vec<_>>>();
    let scopes_default = scopes.and_then(Scopes::from_any_order).ok_or_else(|| {
        Complaint::usage(format!("identity.default_scopes: each scope must be {}, none twice", Scope::FORM))
    })?;
    let risk = |class| match class {
        RiskClass::Minimal => Risk::Minimal,
        RiskClass::Limited => Risk::Limited,
        RiskClass::High => Risk::High,
        RiskClass::Critical => Risk::Critical,
    };
    Ok(Settings {
        issue_per_hour: config.issue_per_hour,
        scopes_default,
        agent_key_required_from: config.require_agent_pubkey_from.map(risk),
        key_rotation_days: config.key_rotation_days,
        status_lifetime_seconds: config.status_lifetime_secs,
    })
}

/// Where the rows are, with the password from its file.
pub(crate) fn location(config: &Config) -> Result<Location, Complaint> {
    let mut url = config.database_url();
    if let Some(file) = &config.database.password_file {
        let password = read_secret(file)
            .map_err(|error| Complaint::usage(format!("database.password_file: {error}")))?;
        url = with_password(&url, password.expose()).ok_or_else(|| {
            Complaint::usage("database.password_file: database.url has no user to give the password to")
        })?;
    }
    let location =
        Location::parse(&url).map_err(|error| Complaint::usage(format!("database.url: {error}")))?;
    Ok(match location {
        Location::Postgres { url, .. } => {
            Location::Postgres { url, connections: config.database.connections }
        }
        sqlite @ Location::Sqlite { .. } => sqlite,
    })
}

/// `scheme://user@rest` with the password after the user, percent-encoded.
fn with_password(url: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (user, rest) = rest.split_once('@')?;
    let encoded: String =
        password
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect();
    Some(format!("{scheme}://{user}:{encoded}@{rest}"))
}

/// What went wrong with the database, with its causes.
pub(crate) fn explain(fault: &Fault) -> String {
    let mut text = job::chain(fault);
    if let Fault::Missing { .. } = fault {
        text.push_str("\n  a production instance is made by `aegis init --production`");
    }
    text
}

fn refused(fault: &Fault) -> Complaint {
    Complaint::refused(explain(fault))
}
