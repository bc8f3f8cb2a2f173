//! The machine and its accounting: which cores there are, what a process used of them, and what to write down about it
//! all, so that a figure can be judged later.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use aegis_core::crypto::sign;
use aegis_core::time::Timestamp;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::Outcome;

/// Core of every server under test, and of the bare loops that they are measured against.
pub(crate) const SERVER_CORE: usize = 0;
/// Core of the load generator.
pub(crate) const GENERATOR_CORE: usize = 1;

/// Keeps this thread on one core.
pub(crate) fn stay_on(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)?;
    Ok(())
}

/// Lets this thread run on any core again.
pub(crate) fn roam() -> Outcome<()> {
    let mut set = CpuSet::new();
    for core in 0..cores() {
        set.set(core);
    }
    sched_setaffinity(None, &set)?;
    Ok(())
}

pub(crate) fn cores() -> usize {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines().filter(|line| line.starts_with("processor")).count()
}

/// Raises this process and what it starts above others on a shared machine: both itself and the group that the
/// scheduler makes of each session. False where that is not permitted.
pub(crate) fn raise_priority() -> bool {
    let own = rustix::process::setpriority_process(None, -20).is_ok();
    let group = Path::new("/proc/self/autogroup");
    own && (!group.exists() || fs::write(group, "-20").is_ok())
}

/// Puts a process before everything of ordinary priority. Latency on a shared machine says nothing while other work
/// holds the core for whole time slices. Not for the generator: it never sleeps, and the kernel stops such a process
/// for a twentieth of each second.
pub(crate) fn before_all_others(pid: Pid) {
    // Where it is not permitted, the result shows it.
    said("chrt", &["--all-tasks", "--fifo", "--pid", "1", &pid.as_raw_nonzero().to_string()]);
}

/// Processor time this thread used.
pub(crate) fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Processor time a process used in all, threads that ended included, in steps of one clock tick (10 ms).
pub(crate) fn time_of(pid: Pid) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))?;
    // The second field is the name in brackets, which may hold anything; user and system time are the 14th and 15th.
    let (_, after) = stat.rsplit_once(')').ok_or("/proc says nothing about the server")?;
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Memory a process holds, in MiB.
pub(crate) fn resident(pid: Pid) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1024.0)
}

pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Ticks that the hypervisor gave to others, over all cores.
pub(crate) fn stolen() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let total = stat.lines().next().unwrap_or_default();
    total.split_whitespace().nth(8).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// What a command prints first; empty where it cannot run.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let part = |name| field(name).unwrap_or_default();
    format!("{} (family {} model {})", part("model name"), part("cpu family"), part("model\t"))
}

/// Now, by the clock of the machine.
#[expect(clippy::disallowed_methods, reason = "a result carries the date of its run; no rule reads it")]
pub(crate) fn date() -> String {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(0)).to_rfc3339_seconds()
}

/// Everything that a result must name.
pub(crate) fn describe(root: &Path, raised: bool) -> Value {
    let root = root.display().to_string();
    let changed = said("git", &["-C", &root, "status", "--porcelain", "--untracked-files=no"]);
    json!({
        "date": date(),
        "processor": processor(),
        "cores": cores(),
        "kernel": said("uname", &["-sr"]),
        "commit": said("git", &["-C", &root, "rev-parse", "--short=12", "HEAD"]),
        "tree_changed": !changed.is_empty(),
        "rustc": said("rustc", &["--version"]),
        "ed25519": sign::backend(),
        "file_system": file_system(Path::new(&root)),
        "load_before": load(),
        "priority_raised": raised,
    })
}

fn file_system(root: &Path) -> String {
    said("stat", &["-f", "-c", "%T", &root.display().to_string()])
}
