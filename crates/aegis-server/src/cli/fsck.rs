//! `aegis fsck`: everything recomputed.

use std::time::Duration;

use aegis_kernel::audit::{fsck, read};
use aegis_store::{SchemaState, Store};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::complaint::Complaint;
use super::{Exit, Place, configuration, running, screen};
use crate::config::{Config, Mode};
use crate::passport;

/// Between two plain lines about the progress, in parts of the whole.
const PLAIN_LINES: u64 = 10;

#[derive(Debug, Args)]
pub(super) struct FsckArgs {
    #[command(flatten)]
    place: Place,
}

/// Checks the log beside whatever server is running. What is wrong is named and answered with exit code 1.
pub(super) fn run(arguments: &FsckArgs) -> Result<Exit, Complaint> {
    let config = configuration(&arguments.place, None, false)?;
    let location = running::location(&config)?;
    let fault =
        |fault| Complaint::unknown(format!("the check could not be made: {}", running::explain(&fault)));
    let store = Store::open_read_only(&location).map_err(fault)?;
    if store.schema_state().map_err(fault)? != SchemaState::Current {
        return Err(Complaint::refused(
            "the database has another schema than the one this program works with; run `aegis migrate` first",
        ));
    }
    let runtime = running::runtime()?;
    let progress = Progress::start();
    let origin = runtime.block_on(log_name(&store, &config))?;
    let report = runtime.block_on(fsck::check(&store, &origin, |done, total| progress.tell(done, total)));
    let registry = runtime.block_on(passport::fsck::check(&store));
    progress.bar.finish_and_clear();
    store.close();
    let (report, registry) = (report.map_err(fault)?, registry.map_err(fault)?);
    screen::say(&format!("log {origin}"));
    let counts = [
        ("entries", report.entries),
        ("tiles", report.tiles),
        ("checkpoints", report.checkpoints),
        ("waiting", report.waiting),
        ("agents", registry.agents),
        ("passports", registry.passports),
        ("status changes", registry.status_changes),
    ];
    let counts = counts.map(|(name, count)| (name, count.to_string()));
    screen::say(&screen::facts(&counts));
    let in_log = report.first_problem.map(|problem| format!("{} {}", problem.place, problem.what));
    match in_log.or(registry.first_problem) {
        None => {
            screen::say("Everything recomputed is as it was signed.");
            Ok(Exit::Done)
        }
        Some(problem) => Err(Complaint::refused(format!("DAMAGED: {problem}"))),
    }
}

/// The name of the log in this database. A sandbox is named by the port it was started on, so its own word
/// counts; in production the configuration must say the same.
async fn log_name(store: &Store, config: &Config) -> Result<String, Complaint> {
    let configured = config.log_origin();
    let newest = store.read(read::newest_checkpoint).await;
    let newest = newest.map_err(|fault| Complaint::unknown(running::explain(&fault)))?;
    let named = newest.and_then(|checkpoint| checkpoint.note.lines().next().map(str::to_owned));
    match named {
        Some(named) if named != configured && config.mode == Mode::Production => Err(Complaint::refused(
            format!("the database holds the log {named}, and the configuration names {configured}"),
        )),
        Some(named) => Ok(named),
        None => Ok(configured),
    }
}

/// A bar for people, a few lines for files.
struct Progress {
    bar: ProgressBar,
    watched: bool,
    told: std::sync::atomic::AtomicU64,
}

impl Progress {
    fn start() -> Progress {
        let watched = screen::is_watched();
        let target = if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let style = ProgressStyle::with_template("checking {bar:40} {pos}/{len} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress { bar, watched, told: std::sync::atomic::AtomicU64::new(0) }
    }

    fn tell(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let part = done.saturating_mul(PLAIN_LINES).checked_div(total).unwrap_or(PLAIN_LINES);
        let before = self.told.fetch_max(part, std::sync::atomic::Ordering::Relaxed);
        if !self.watched && part > before {
            screen::remark(&format!("checked {done} of {total}"));
        }
    }
}
