//! The Identity goals, one after the other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::report::Report;
use crate::server::Starter;
use crate::{Outcome, issue, machine, peers, race, revoked, verify};

/// What to measure and how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A fifth of the passports and shorter turns: minutes instead of a quarter of an hour.
    #[arg(long)]
    quick: bool,
    /// Length of one turn of a pair.
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Also measure what others would use; needs `npm ci` in bench/peers.
    #[arg(long)]
    peers: bool,
    /// Results file (JSON; a table is written beside it).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// The program, if it is not to be built here.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Folder for data, on the disk to be measured; emptied afterwards.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Raise this process and its servers above everything else on the machine (a shared one).
    #[arg(long)]
    raise: bool,
    /// How many passports are revoked in the part about that.
    #[arg(long, value_name = "N")]
    revoked: Option<usize>,
}

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Start,
    Curve,
    First,
    Batch,
    Repeated,
    Latency,
    Issue,
    Race,
    Revoked,
}

/// The sizes of a run.
pub(crate) struct Plan {
    pub(crate) starter: Starter,
    pub(crate) folder: PathBuf,
    pub(crate) root: PathBuf,
    /// Live passports.
    pub(crate) passports: usize,
    /// Passports revoked at the end of the part about that.
    pub(crate) revoked: usize,
    /// Revocations in the race.
    pub(crate) races: usize,
    pub(crate) pairs: usize,
    /// Turns that one life of the server gives, while every passport of it is new.
    pub(crate) turns_per_life: usize,
    /// Rounds of open-loop load.
    pub(crate) rounds: usize,
    pub(crate) turn: Duration,
}

/// Measures, shows and writes.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    if machine::cores() < 2 {
        return Err("the server and the load generator need a core each".into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?.to_owned();
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build(&root)?,
    };
    let raised = options.raise && machine::raise_priority();
    let within = options.folder.clone().unwrap_or_else(|| root.join("target"));
    let folder = tempfile::Builder::new().prefix("aegis-bench-").tempdir_in(within)?;
    let plan = plan(options, Starter { program, raised }, folder.path(), &root);
    let stolen = machine::stolen();
    let mut report = Report::new(machine::describe(&root, raised));
    measure(options, &plan, &mut report)?;
    if options.peers {
        peers::measure(&plan, &mut report)?;
    }
    report.note("load_after", machine::load().into());
    report.note("stolen_ticks", (machine::stolen() - stolen).into());
    let out = options.out.clone().unwrap_or_else(|| root.join("bench/results/identity.json"));
    report.write(&out)
}

fn plan(options: &Options, starter: Starter, folder: &Path, root: &Path) -> Plan {
    let quick = options.quick;
    let seconds = options.seconds.unwrap_or(if quick { 0.5 } else { 1.0 });
    Plan {
        starter,
        folder: folder.to_owned(),
        root: root.to_owned(),
        passports: if quick { 20_000 } else { 100_000 },
        revoked: options.revoked.unwrap_or(if quick { 50_000 } else { 1_000_000 }),
        races: if quick { 200 } else { 2_000 },
        pairs: 8,
        turns_per_life: if quick { 2 } else { 4 },
        rounds: if quick { 3 } else { 7 },
        turn: Duration::from_secs_f64(seconds),
    }
}

fn measure(options: &Options, plan: &Plan, report: &mut Report) -> Outcome<()> {
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    if wanted(Part::Start) {
        issue::measure_start(plan, report)?;
    }
    if [Part::Curve, Part::First, Part::Batch, Part::Repeated, Part::Latency].into_iter().any(wanted) {
        let mut stock = verify::stock(plan, report)?;
        if wanted(Part::Curve) {
            verify::bare(plan, &mut stock, report)?;
        }
        if wanted(Part::First) {
            verify::first_seen(plan, &mut stock, report)?;
        }
        if wanted(Part::Batch) {
            verify::batches(plan, &mut stock, report)?;
        }
        if wanted(Part::Repeated) {
            verify::repeated(plan, &mut stock, report)?;
        }
        if wanted(Part::Latency) {
            verify::latency(plan, &stock, report)?;
        }
    }
    if wanted(Part::Issue) {
        issue::measure(plan, report)?;
    }
    if wanted(Part::Race) {
        race::measure(plan, report)?;
    }
    if wanted(Part::Revoked) {
        revoked::measure(plan, report)?;
    }
    Ok(())
}

/// Builds the release program as its users do, and gives its path.
fn build(root: &Path) -> Outcome<PathBuf> {
    let manifest = root.join("Cargo.toml");
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "aegis-server", "--manifest-path"])
        .arg(manifest)
        .status()?;
    if !status.success() {
        return Err("the server does not build".into());
    }
    // This program stands in the same folder: both are release builds of one workspace.
    let own = std::env::current_exe()?;
    let folder = own.parent().ok_or("this program stands nowhere")?;
    Ok(folder.join("aegis"))
}
