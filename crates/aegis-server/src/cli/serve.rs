//! `aegis serve`: wiring, listening, and an orderly end.

use std::path::Path;
use std::time::Instant;

use aegis_core::crypto::aead::SealingKey;
use aegis_core::crypto::sign;
use aegis_kernel::clock::Clock;
use aegis_kernel::job;
use aegis_kernel::os_entropy::EntropySource;
use aegis_store::{Fault, Location, OpenMode};
use tokio::sync::watch;

use super::sandbox_files::{self, create_private};
use super::screen::{complain, say};
use super::{Exit, ServeArgs};
use crate::account::{SampleOrganization, SandboxCredentials, seed_sandbox};
use crate::app::{App, Mode, Wiring};
use crate::config::{Config, LogFormat, read_kek, read_secret};
use crate::http::edge::Edge;
use crate::serve::Server;

/// The file in which a sandbox keeps its keys for the people who try it.
const SANDBOX_FILE: &str = "sandbox.json";

/// Runs until told to stop.
pub(super) fn run(arguments: &ServeArgs) -> Exit {
    let config = match super::configuration(&arguments.place, arguments.listen, arguments.production) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    start_telemetry(&config);
    // Two TLS providers could be in the graph one day; the choice is made once, here.
    let _already_chosen = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match serve(&config) {
        Ok(()) => Exit::Done,
        Err(reason) => {
            complain(&reason);
            Exit::Refused
        }
    }
}

fn serve(config: &Config) -> Result<(), String> {
    let started = Instant::now();
    sign::self_test().map_err(|error| format!("this machine computes Ed25519 wrongly: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("jobs")
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let app = runtime.block_on(open(config))?;
    let credentials = match config.mode {
        Mode::Sandbox => runtime.block_on(seed(&app, config))?,
        Mode::Production => None,
    };
    let (router, _) = crate::router::routes(&app);
    let ids = app.kernel.clone();
    let request_ids = Box::new(move || ids.parts().entropy.fork().bytes());
    let edge = Edge::new(router, config.edge_settings(), request_ids);
    let (stop, stopped) = watch::channel(false);
    let jobs = runtime.block_on(async { app.start_jobs(&stopped) });
    let server = Server::start(edge, &config.http, config.tls.files().as_ref()).map_err(|error| error.to_string())?;
    tracing::info!(
        address = %server.address(),
        ed25519 = sign::backend(),
        start_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "ready"
    );
    greet(config, &app, &server, credentials.as_ref());
    runtime.block_on(told_to_stop());
    tracing::info!("stopping: finishing what was started");
    let cut_off = server.stop();
    stop.send_replace(true);
    runtime.block_on(async {
        for job in jobs {
            // A job that panicked has said so already.
            let _ended = job.await;
        }
    });
    app.close();
    tracing::info!(cut_off, "stopped");
    Ok(())
}

/// Puts the parts together as the configuration says.
async fn open(config: &Config) -> Result<App, String> {
    let wiring = wiring(config)?;
    App::open(wiring).await.map_err(|fault| explain(&fault))
}

/// The parts an instance is built from, by its configuration.
pub(crate) fn wiring(config: &Config) -> Result<Wiring, String> {
    let entropy =
        EntropySource::from_system().map_err(|error| format!("the system gives no randomness: {error}"))?;
    let kek_file = config.kek_file();
    if config.mode == Mode::Sandbox {
        sandbox_files::prepare(&config.data, &kek_file, &entropy)
            .map_err(|error| format!("cannot prepare the data directory {}: {error}", config.data.display()))?;
    }
    let kek = read_kek(&kek_file).map_err(|error| format!("keys.kek_file: {error}"))?;
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
        issue_per_hour: config.identity.issue_per_hour,
    })
}

/// Where the rows are, with the password from its file.
pub(crate) fn location(config: &Config) -> Result<Location, String> {
    let mut url = config.database_url();
    if let Some(file) = &config.database.password_file {
        let password = read_secret(file).map_err(|error| format!("database.password_file: {error}"))?;
        url = with_password(&url, password.expose())
            .ok_or("database.password_file: database.url has no user to give the password to")?;
    }
    let location = Location::parse(&url).map_err(|error| format!("database.url: {error}"))?;
    Ok(match location {
        Location::Postgres { url, .. } => Location::Postgres { url, connections: config.database.connections },
        sqlite @ Location::Sqlite { .. } => sqlite,
    })
}

/// `scheme://user@rest` with the password after the user, percent-encoded.
fn with_password(url: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (user, rest) = rest.split_once('@')?;
    let encoded: String = password
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    Some(format!("{scheme}://{user}:{encoded}@{rest}"))
}

/// What went wrong at the start, with its causes.
pub(crate) fn explain(fault: &Fault) -> String {
    job::chain(fault)
}

/// The sample organizations of a new sandbox; their keys are kept in a private file.
async fn seed(app: &App, config: &Config) -> Result<Option<SandboxCredentials>, String> {
    let path = config.data.join(SANDBOX_FILE);
    let seeded = seed_sandbox(&app.kernel).await.map_err(|fault| explain(&fault))?;
    if let Some(credentials) = &seeded {
        write_sandbox_file(&path, app, credentials)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(seeded)
}

fn write_sandbox_file(path: &Path, app: &App, credentials: &SandboxCredentials) -> std::io::Result<()> {
    let sample = |sample: &SampleOrganization| {
        serde_json::json!({ "id": sample.id, "apiKey": sample.api_key.reveal() })
    };
    let content = serde_json::json!({
        "baseUrl": app.origin.as_ref(),
        "adminKey": credentials.admin_key.reveal(),
        "operator": sample(&credentials.operator),
        "provider": sample(&credentials.provider),
        "consumer": sample(&credentials.consumer),
    });
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create_private(path, format!("{content:#}\n").as_bytes())
}

/// What a person sees who has just started it.
fn greet(config: &Config, app: &App, server: &Server, credentials: Option<&SandboxCredentials>) {
    let scheme = if config.tls.files().is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", server.address());
    say(&format!("Aegis {} is ready on {url}", env!("CARGO_PKG_VERSION")));
    say(&format!("  reference   {url}/docs"));
    say(&format!("  issuer      {}", app.passports.issuer()));
    say(&format!("  keys digest {}", app.passports.keys_digest()));
    say(&format!("  Ed25519     {} arithmetic", sign::backend()));
    if config.mode == Mode::Production {
        return;
    }
    let file = config.data.join(SANDBOX_FILE);
    say(&format!("  sandbox     data in {}, keys in {}", config.data.display(), file.display()));
    if let Some(credentials) = credentials {
        say("\nThis is the first start. Sample organizations and their keys:");
        say(&format!("  admin       {}", credentials.admin_key.reveal()));
        for sample in [&credentials.operator, &credentials.provider, &credentials.consumer] {
            say(&format!("  {:<11} {}", sample.id, sample.api_key.reveal()));
        }
    }
    say(&next_steps(&url, &file));
}

/// The three calls to try.
fn next_steps(url: &str, file: &Path) -> String {
    let file = file.display();
    format!(
        r#"
Try it in another terminal:
  KEY=$(python3 -c 'import json; print(json.load(open("{file}"))["operator"]["apiKey"])')
  curl -s -X POST {url}/api/agent/issue -H "X-API-Key: $KEY" -H "Content-Type: application/json" -d '{{"operator_id":"op_acme_corp","jurisdiction":"EU","risk_classification":"high","policy_bundle":"eu_ai_act+gdpr","capability_attestation":{{"model":"claude-opus-4-7","provider_signature":"..."}}}}' > passport.json
  printf '{{"passport":%s}}' "$(cat passport.json)" | curl -s -X POST {url}/api/agent/verify -H "Content-Type: application/json" -d @-
  curl -s -X POST {url}/registry/revoke -H "X-API-Key: $KEY" -H "Content-Type: application/json" -d '{{"agent_id":"'$(python3 -c 'import json; print(json.load(open("passport.json"))["agent_id"])')'","reason":"trying it out"}}'
"#
    )
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    let interrupt = signal(SignalKind::interrupt());
    match (terminate, interrupt) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be heard; stopping");
        }
    }
}

fn start_telemetry(config: &Config) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(&config.telemetry.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.telemetry.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Pretty => builder.init(),
    }
}
