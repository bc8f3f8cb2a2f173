//! A private PostgreSQL cluster: loopback only, no passwords, no fsync, gone when its owner is.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// Where tests find the cluster.
pub(crate) const VARIABLE: &str = "AEGIS_TEST_POSTGRES";

/// The number of the program that created a cluster follows.
const DIRECTORY_PREFIX: &str = "aegis-test-postgres-";

const START_PATIENCE: Duration = Duration::from_secs(30);

/// A running cluster; stopped and removed when dropped.
pub(crate) struct Cluster {
    server: Child,
    directory: PathBuf,
    port: u16,
}

/// Whether the server ends with this program or outlives it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    WithUs,
    OnItsOwn,
}

impl Cluster {
    /// Installs PostgreSQL if that is possible and needed, creates a cluster and waits until it answers.
    pub(crate) fn start() -> Result<Cluster, String> {
        Cluster::start_with(Life::WithUs)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://aegis@127.0.0.1:{}/postgres", self.port)
    }

    fn start_with(life: Life) -> Result<Cluster, String> {
        let binaries = binaries_or_install()?;
        let directory = create_directory()?;
        initialise(&binaries, &directory)?;
        let port = free_port()?;
        let server = serve(&binaries, &directory, port, life)?;
        let mut cluster = Cluster { server, directory, port };
        cluster.wait_until_ready(&binaries)?;
        Ok(cluster)
    }

    fn wait_until_ready(&mut self, binaries: &Path) -> Result<(), String> {
        let started = Instant::now();
        let port = self.port.to_string();
        loop {
            let mut ask = Command::new(binaries.join("pg_isready"));
            ask.args(["-q", "-h", "127.0.0.1", "-p", port.as_str()]);
            if ask.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.server.try_wait() {
                return Err(format!("PostgreSQL ended at once ({status}): {}", self.log()));
            }
            if started.elapsed() > START_PATIENCE {
                return Err(format!("PostgreSQL does not answer: {}", self.log()));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(log_path(&self.directory)).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        interrupt(self.server.id());
        drop(self.server.wait());
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// `cargo xtask postgres start`.
pub(crate) fn start_to_keep() -> Result<ExitCode, String> {
    let state = state_path();
    if state.exists() {
        return Err(format!("one is running already, says {}; stop it first", state.display()));
    }
    let cluster = Cluster::start_with(Life::OnItsOwn)?;
    let url = cluster.url();
    let said = format!("{}\n{}\n", cluster.server.id(), cluster.directory.display());
    fs::create_dir_all(target_directory())
        .and_then(|()| fs::write(&state, said))
        .map_err(|error| format!("cannot write {}: {error}", state.display()))?;
    std::mem::forget(cluster);
    println!("export {VARIABLE}={url}");
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask postgres stop`.
pub(crate) fn stop_kept() -> Result<ExitCode, String> {
    let state = state_path();
    let said = fs::read_to_string(&state).map_err(|_| "none was started".to_owned())?;
    let mut lines = said.lines();
    let pid = lines.next().and_then(|pid| pid.parse::<u32>().ok()).ok_or("the state file cannot be read")?;
    let directory = PathBuf::from(lines.next().ok_or("the state file cannot be read")?);
    // The number may have passed to another program since; only the server of this directory is meant.
    if serves(pid, &directory) {
        interrupt(pid);
        let started = Instant::now();
        while serves(pid, &directory) && started.elapsed() < START_PATIENCE {
            thread::sleep(Duration::from_millis(50));
        }
    }
    drop(fs::remove_dir_all(&directory));
    fs::remove_file(&state).map_err(|error| format!("cannot remove {}: {error}", state.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn serves(pid: u32, directory: &Path) -> bool {
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command_line).contains(&*directory.to_string_lossy())
}

/// PostgreSQL's fast shutdown.
fn interrupt(pid: u32) {
    drop(Command::new("sh").arg("-c").arg(format!("kill -INT {pid}")).status());
}

fn binaries_or_install() -> Result<PathBuf, String> {
    if let Some(found) = find_binaries() {
        return Ok(found);
    }
    install("postgresql")?;
    find_binaries().ok_or_else(|| "apt-get installed no PostgreSQL server".to_owned())
}

/// The tests of a disk that fails inject its errors with `strace`.
pub(crate) fn strace_or_install() -> Result<(), String> {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok() {
        return Ok(());
    }
    install("strace")
}

fn install(package: &str) -> Result<(), String> {
    if !is_root() || Command::new("apt-get").arg("--version").stdout(Stdio::null()).status().is_err() {
        return Err(format!("{package} is not installed. On Debian: sudo apt-get install {package}"));
    }
    println!("xtask: installing {package}");
    for arguments in [["update", "-q"].as_slice(), ["install", "-q", "-y", package].as_slice()] {
        let status =
            Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("apt-get could not install {package}"));
        }
    }
    Ok(())
}

/// The directory that holds `initdb` and the rest: of the PATH, else Debian's newest.
fn find_binaries() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).find(|directory| complete(directory));
    on_path.or_else(|| {
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .filter(|directory| complete(directory))
            .collect();
        versions.sort();
        versions.pop()
    })
}

fn complete(directory: &Path) -> bool {
    ["initdb", "postgres", "pg_isready"].iter().all(|program| directory.join(program).is_file())
}

/// In the target directory; for root in /tmp, because the server runs as another user who may not be able to get there.
fn create_directory() -> Result<PathBuf, String> {
    let parent = if is_root() { env::temp_dir() } else { target_directory().join("test-postgres") };
    remove_left_behind(&parent);
    let directory = parent.join(format!("{DIRECTORY_PREFIX}{}", process::id()));
    fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    if is_root() {
        let given = Command::new("chown").arg("postgres:").arg(&directory).status();
        if !given.is_ok_and(|status| status.success()) {
            return Err("there is no user `postgres` to run the server as; root may not".to_owned());
        }
    }
    Ok(directory)
}

/// Removes clusters whose owner was interrupted: neither it nor a server of theirs runs any more.
fn remove_left_behind(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let directory = entry.path();
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY_PREFIX)) else {
            continue;
        };
        let said = fs::read_to_string(directory.join("postmaster.pid")).unwrap_or_default();
        let served =
            said.lines().next().and_then(|pid| pid.parse().ok()).is_some_and(|pid| serves(pid, &directory));
        if !served && !Path::new("/proc").join(owner).exists() {
            drop(fs::remove_dir_all(&directory));
        }
    }
}

fn initialise(binaries: &Path, directory: &Path) -> Result<(), String> {
    let mut command = as_server_user(&binaries.join("initdb"), &[]);
    command
        .args(["-A", "trust", "-U", "aegis", "--no-locale", "-E", "UTF8", "--no-sync", "-D"])
        .arg(directory);
    let output = command.output().map_err(|error| format!("cannot run initdb: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("initdb failed: {}", String::from_utf8_lossy(&output.stderr)))
}

fn serve(binaries: &Path, directory: &Path, port: u16, life: Life) -> Result<Child, String> {
    // The kernel interrupts the server when this program dies, in whatever way.
    let options: &[&str] = if life == Life::WithUs { &["--pdeathsig", "INT"] } else { &[] };
    let log =
        fs::File::create(log_path(directory)).map_err(|error| format!("cannot write a log: {error}"))?;
    let also = log.try_clone().map_err(|error| format!("cannot write a log: {error}"))?;
    let mut command = as_server_user(&binaries.join("postgres"), options);
    command.arg("-D").arg(directory).arg("-p").arg(port.to_string());
    let settings = [
        "listen_addresses=127.0.0.1",
        // Its path would have to be short, and nobody needs it.
        "unix_socket_directories=",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=200",
    ];
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    command.stdin(Stdio::null()).stdout(log).stderr(also);
    if life == Life::OnItsOwn {
        command.process_group(0);
    }
    command.spawn().map_err(|error| format!("cannot start PostgreSQL: {error}"))
}

/// `setpriv` replaces itself by the program, so that the child's number is the server's.
fn as_server_user(program: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(options);
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    } else if options.is_empty() {
        return Command::new(program);
    }
    command.arg(program);
    command.current_dir("/");
    command
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn log_path(directory: &Path) -> PathBuf {
    directory.join("server.log")
}

fn state_path() -> PathBuf {
    target_directory().join("test-postgres.state")
}

fn target_directory() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target");
    env::var_os("CARGO_TARGET_DIR").map_or_else(beside, PathBuf::from)
}
