//! `aegis serve`: an instance until it is told to stop.

use aegis_core::crypto::sign;

use super::complaint::Complaint;
use super::running::Running;
use super::sandbox_files::Sandbox;
use super::screen::say;
use super::{Exit, ServeArgs, client, configuration, screen};
use crate::config::{Config, LogFormat};

/// Runs until told to stop. `program` is how it was called.
pub(super) fn run(arguments: &ServeArgs, program: &str) -> Result<Exit, Complaint> {
    let config = configuration(&arguments.place, arguments.listen, arguments.production)?;
    start_telemetry(&config);
    let running = Running::start(&config)?;
    greet(&config, &running, program);
    running.runtime.block_on(told_to_stop());
    tracing::info!("stopping: finishing what was started");
    let cut_off = running.stop();
    tracing::info!(cut_off, "stopped");
    Ok(Exit::Done)
}

/// What a person sees who has just started it.
fn greet(config: &Config, running: &Running, program: &str) {
    let scheme = if config.tls.files().is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", running.address());
    let passports = &running.app.passports;
    say(&format!("Aegis {} is ready on {url}", env!("CARGO_PKG_VERSION")));
    say(&format!("  reference   {url}/docs"));
    say(&format!("  issuer      {}", passports.issuer()));
    say(&format!("  keys digest {}", passports.keys_digest()));
    say(&format!("  Ed25519     {} arithmetic", sign::backend()));
    if let Some(witness) = &running.witness {
        say(&format!("  witness     {witness}"));
    }
    let Some(sandbox) = &running.sandbox else { return };
    say(&format!("  sandbox     data in {}", config.data.display()));
    match sandbox {
        Sandbox::New(file, credentials) => {
            say(&format!("\nSample organizations and their keys, which are also in {}:", file.display()));
            say(&format!("  {:<12} {}", "admin", credentials.admin_key.reveal()));
            for sample in [&credentials.operator, &credentials.provider, &credentials.consumer] {
                say(&format!("  {:<12} {}", sample.id, sample.api_key.reveal()));
            }
            say(&next_steps(program, &url, &client::operator_key_command(file)));
        }
        Sandbox::Kept(file) => {
            say(&format!("  keys        in {}", file.display()));
            say(&next_steps(program, &url, &client::operator_key_command(file)));
        }
        Sandbox::Lost(file) => {
            say(&format!(
                "\n{} is gone. Keys are stored as digests only, so nobody can be shown them again.\n\
                 Keys that you still have go on working. For a fresh sandbox, stop this one and run:\n  \
                 rm -r {} && {program} serve",
                file.display(),
                config.data.display()
            ));
        }
    }
}

/// The calls to try, each to be pasted as it is.
fn next_steps(program: &str, url: &str, key: &str) -> String {
    let at = if url == client::DEFAULT_URL { String::new() } else { format!(" --url {url}") };
    format!(
        r#"
Try it in another terminal, in this directory:
  {key}
  {program} passport issue{at} --operator op_acme_corp --jurisdiction EU --risk high --policy eu_ai_act+gdpr --model claude-opus-4-7 > passport.json
  {program} verify passport.json --url {url}
  {program} passport revoke passport.json{at} --reason "trying it out"
The first two again, with curl:
  curl -s -X POST {url}/api/agent/issue -H "X-API-Key: $AEGIS_API_KEY" -H "Content-Type: application/json" -d '{{"operator_id":"op_acme_corp","jurisdiction":"EU","risk_classification":"high","policy_bundle":"eu_ai_act+gdpr","capability_attestation":{{"model":"claude-opus-4-7","provider_signature":"..."}}}}' > passport.json
  printf '{{"passport":%s}}' "$(cat passport.json)" | curl -s -X POST {url}/api/agent/verify -H "Content-Type: application/json" -d @-
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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(screen::is_watched())
        .with_writer(std::io::stderr);
    match config.telemetry.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Pretty => builder.init(),
    }
}
