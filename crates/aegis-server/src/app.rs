//! Wiring: the only place that constructs long-lived things.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::api_key::KeyRealm;
use aegis_core::crypto::aead::SealingKey;
use aegis_core::time::Timestamp;
use aegis_kernel::Kernel;
use aegis_kernel::audit::sequence::Sequencer;
use aegis_kernel::audit::witness::Witnessing;
use aegis_kernel::audit::{self, Log};
use aegis_kernel::clock::Clock;
use aegis_kernel::faults::Faults;
use aegis_kernel::housekeeping::Housekeeping;
use aegis_kernel::job::{self, Job};
use aegis_kernel::kernel::{CrashPlan, Parts};
use aegis_kernel::keyring::Keyring;
use aegis_kernel::mail::{Mailer, SendMail};
use aegis_kernel::os_entropy::EntropySource;
use aegis_kernel::setting::{self, Setting};
use aegis_store::{Fault, Location, OpenMode, Store};
use aegis_tlog::note::VerifierKey;
use axum::extract::FromRef;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::account::SuspensionListener;
pub use crate::config::Mode;
use crate::http::counts::RequestCounts;
use crate::outbound::{Outbound, Rules};
use crate::passport::jobs::KeyUpkeep;
use crate::passport::{Registry, Settings};
use crate::webhook::{Deliverer, Feed, Relay};

/// Which API keys are good in a mode.
const fn realm(mode: Mode) -> KeyRealm {
    match mode {
        Mode::Sandbox => KeyRealm::Test,
        Mode::Production => KeyRealm::Live,
    }
}

/// What an instance is built from. Configuration and tests fill it in.
pub struct Wiring {
    /// Sandbox or production.
    pub mode: Mode,
    /// The database.
    pub location: Location,
    /// Whether the database may be made.
    pub open_mode: OpenMode,
    /// Seals signing keys and stored answers.
    pub kek: SealingKey,
    /// The public origin, for example `https://id.example.org`: issuer, URLs and log name follow from it.
    pub origin: String,
    /// The log's name (C2SP: no scheme).
    pub log_origin: String,
    /// Where *now* comes from.
    pub clock: Clock,
    /// Where randomness comes from.
    pub entropy: EntropySource,
    /// Where letters go.
    pub mailer: Mailer,
    /// What the configuration says about passports.
    pub identity: Settings,
    /// How long entries of the log wait when no hint comes.
    pub sequencer_interval: Duration,
    /// Logs that this instance cosigns.
    pub witnessed: Vec<VerifierKey>,
    /// Which addresses of others may be called.
    pub outbound: Rules,
}

/// Everything a route needs. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The pipeline.
    pub kernel: Kernel,
    /// Passports: keys, status index and what routes need to know of the issuer.
    pub passports: Arc<Registry>,
    /// One, because it holds its lease under a name of its own.
    housekeeping: Arc<Housekeeping>,
    /// Sends letters; one, for the same reason.
    pub letters: Arc<SendMail>,
    /// Which other logs this instance cosigns.
    pub witnessing: Arc<Witnessing>,
    /// What was asked and answered.
    pub requests: Arc<RequestCounts>,
    /// The one way to addresses that others chose.
    pub outbound: Arc<Outbound>,
    /// Who reads events as they come.
    pub feed: Arc<Feed>,
    deliverer: Arc<Deliverer>,
    sequencer_interval: Duration,
    /// The public origin.
    pub origin: Arc<str>,
    /// Sandbox or production.
    pub mode: Mode,
}

impl FromRef<App> for Kernel {
    fn from_ref(app: &App) -> Kernel {
        app.kernel.clone()
    }
}

impl FromRef<App> for Arc<Registry> {
    fn from_ref(app: &App) -> Arc<Registry> {
        Arc::clone(&app.passports)
    }
}

impl FromRef<App> for Arc<Witnessing> {
    fn from_ref(app: &App) -> Arc<Witnessing> {
        Arc::clone(&app.witnessing)
    }
}

impl FromRef<App> for Arc<Outbound> {
    fn from_ref(app: &App) -> Arc<Outbound> {
        Arc::clone(&app.outbound)
    }
}

impl FromRef<App> for Arc<Feed> {
    fn from_ref(app: &App) -> Arc<Feed> {
        Arc::clone(&app.feed)
    }
}

impl FromRef<App> for Arc<Deliverer> {
    fn from_ref(app: &App) -> Arc<Deliverer> {
        Arc::clone(&app.deliverer)
    }
}

/// Verification keeps suspended operators in memory; account changes tell it.
impl FromRef<App> for SuspensionListener {
    fn from_ref(app: &App) -> SuspensionListener {
        let passports = Arc::clone(&app.passports);
        SuspensionListener(Arc::new(move |operator, suspended| {
            // A suspended operator vouches for nothing, whatever the instant asked about.
            passports.set_operator_suspended(operator, suspended.then_some(Timestamp::from_micros(0)));
        }))
    }
}

impl App {
    /// Opens the database, brings its schema up to date where that is allowed, and loads what is kept in
    /// memory. When this returns, the instance can answer.
    ///
    /// # Errors
    /// Faults of the store; a database of another origin or under another key-encryption key.
    pub async fn open(wiring: Wiring) -> Result<App, Fault> {
        let crash = Arc::new(CrashPlan::default());
        let store = Store::open(&wiring.location, wiring.open_mode, crash.hooks())?;
        store.migrate()?;
        let (shift, last_entry_at) = store
            .read(|tx| {
                let shift = setting::find(tx, Setting::SandboxClockShift)?;
                Ok((shift, audit::read::newest_entry_at(tx)?))
            })
            .await?;
        if let Some(shift) = shift.and_then(|shift| shift.parse().ok()) {
            wiring.clock.advance(shift);
        }
        let kernel = Kernel::new(
            Parts {
                store,
                clock: wiring.clock,
                entropy: wiring.entropy,
                keyring: Keyring::new(wiring.kek),
                log: Log::new(wiring.log_origin),
                mailer: wiring.mailer,
                realm: realm(wiring.mode),
                faults: Faults::default(),
                crash,
            },
            last_entry_at,
        );
        let passports = Registry::open(&kernel, &wiring.origin, wiring.identity).await?;
        let witnessing = Arc::new(Witnessing::new(witness_name(&wiring.origin), wiring.witnessed));
        let housekeeping = Arc::new(Housekeeping::new(kernel.clone()));
        let outbound = Arc::new(Outbound::new(wiring.outbound));
        let deliverer = Arc::new(Deliverer::new(kernel.clone(), Arc::clone(&outbound)));
        let letters = Arc::new(SendMail::new(kernel.clone()));
        let (origin, mode) = (wiring.origin.into(), wiring.mode);
        let sequencer_interval = wiring.sequencer_interval;
        Ok(App {
            kernel,
            passports,
            requests: Arc::default(),
            housekeeping,
            outbound,
            feed: Arc::default(),
            deliverer,
            letters,
            sequencer_interval,
            witnessing,
            origin,
            mode,
        })
    }

    /// The jobs of this instance.
    pub fn jobs(&self) -> Vec<Arc<dyn Job>> {
        vec![
            Arc::new(Sequencer { kernel: self.kernel.clone(), interval: self.sequencer_interval }),
            Arc::<Housekeeping>::clone(&self.housekeeping),
            Arc::<SendMail>::clone(&self.letters),
            Arc::new(KeyUpkeep::new(self.kernel.clone(), Arc::clone(&self.passports))),
            Arc::new(Relay::new(self.kernel.clone(), Arc::clone(&self.feed), Arc::clone(&self.deliverer))),
            Arc::<Deliverer>::clone(&self.deliverer),
        ]
    }

    /// Starts all jobs; they end when `stop` turns true.
    pub fn start_jobs(&self, stop: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        self.jobs().into_iter().map(|work| job::run(work, stop.clone())).collect()
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        self.kernel.now()
    }

    /// Finishes what was accepted and lets go of the database.
    pub fn close(self) {
        self.feed.end();
        self.kernel.parts().store.clone().close();
    }
}

/// The name under which this instance cosigns other logs: host and port of the origin, then `/witness`.
fn witness_name(origin: &str) -> String {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    format!("{}/witness", host.trim_end_matches('/'))
}
