//! The server under test: a process of its own, started for the measurement and ended by its id.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::connection::Connection;
use crate::curve::member;
use crate::machine::{self, SERVER_CORE};
use crate::pairs::Sample;
use crate::requests;

/// How long a start may take: a million passports are loaded in seconds.
const START_MAX: Duration = Duration::from_mins(3);

/// What the instance calls itself; nothing is asked there.
const ORIGIN: &str = "https://id.example.org";

/// Where a server may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// On the core of servers alone.
    One,
    /// On all.
    All,
}

/// How to start servers: the program, and whether they are raised above others on the machine.
#[derive(Debug, Clone)]
pub(crate) struct Starter {
    pub(crate) program: PathBuf,
    pub(crate) raised: bool,
}

/// A running process that listens on a port of this machine.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) ready_after: Duration,
}

/// A data directory and the port under which it is served.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl Place {
    pub(crate) fn new(folder: PathBuf) -> Outcome<Place> {
        Ok(Place { folder, port: free_port()? })
    }

    /// The key of `role` (`admin`, or an organization of the sandbox).
    pub(crate) fn key(&self, role: &str) -> Outcome<String> {
        let file = fs::read(self.folder.join("sandbox.json"))?;
        if role == "admin" {
            return member(&file, "adminKey");
        }
        let json = aegis_core::json::parse(&file, 8)?;
        let key = json.get(role).and_then(|sample| sample.get("apiKey")).and_then(|key| key.as_str());
        key.map(str::to_owned).ok_or_else(|| format!("the sandbox has no {role}").into())
    }
}

/// A port nobody listens on.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Starter {
    /// Starts the program on the data of `place` and waits until it is ready.
    pub(crate) fn serve(&self, place: &Place, cores: Cores) -> Outcome<Server> {
        fs::create_dir_all(&place.folder)?;
        let address = SocketAddr::from(([127, 0, 0, 1], place.port));
        let mut command = self.command(&self.program, cores);
        command.arg("serve").arg("--listen").arg(address.to_string()).arg("--data").arg(&place.folder);
        // Not the port's: data that was copied is served under another port.
        command.env("AEGIS__HTTP__PUBLIC_ORIGIN", ORIGIN);
        let output = File::options().create(true).append(true).open(place.folder.join("output"))?;
        command.stdout(output.try_clone()?).stderr(output);
        Server::start(command, address, &requests::get("/readyz"))
    }

    /// A command that runs where `cores` says, each wrapper giving its process to the next.
    pub(crate) fn command(&self, program: &Path, cores: Cores) -> Command {
        let list = match cores {
            Cores::One => SERVER_CORE.to_string(),
            Cores::All => format!("0-{}", machine::cores().saturating_sub(1)),
        };
        let mut words: Vec<&std::ffi::OsStr> = Vec::new();
        if self.raised {
            words.extend(["nice", "-n", "-20"].map(std::ffi::OsStr::new));
        }
        words.extend(["taskset", "-c", &list].map(std::ffi::OsStr::new));
        words.push(program.as_os_str());
        let mut command = Command::new(words.first().copied().unwrap_or_default());
        command.args(words.iter().skip(1)).stdin(Stdio::null());
        command
    }
}

impl Server {
    /// Starts `command` and waits until it answers `question` with 200.
    pub(crate) fn start(mut command: Command, address: SocketAddr, question: &[u8]) -> Outcome<Server> {
        let started = Instant::now();
        let mut server = Server { child: command.spawn()?, address, ready_after: Duration::ZERO };
        loop {
            let answered = Connection::open(address).and_then(|mut one| Ok(one.call(question)?.status));
            if matches!(answered, Ok(200)) {
                server.ready_after = started.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{command:?} ended at once: {status}").into());
            }
            if started.elapsed() > START_MAX {
                return Err(format!("{command:?} does not become ready").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Runs `work`, which says how many operations it did, and accounts the server's processor time to it.
    pub(crate) fn sample(&self, work: impl FnOnce() -> Outcome<(usize, Duration)>) -> Outcome<Sample> {
        let before = machine::time_of(self.pid())?;
        let (operations, wall) = work()?;
        let cpu = machine::time_of(self.pid())?.saturating_sub(before);
        Ok(Sample { operations: operations as f64, wall, cpu })
    }

    /// Sends one request on a connection of its own and wants a 2xx.
    pub(crate) fn ask(&self, request: &[u8]) -> Outcome<Vec<u8>> {
        let mut connection = Connection::open(self.address)?;
        let answer = connection.call(request)?;
        if answer.status / 100 == 2 {
            return Ok(answer.body.to_vec());
        }
        Err(format!("answered {}: {}", answer.status, String::from_utf8_lossy(answer.body)).into())
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> Outcome<()> {
        kill_process(self.pid(), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A measurement that failed leaves no server behind.
            let _killed = self.child.kill();
            let _waited = self.child.wait();
        }
    }
}
