//! Running the built program and looking at what it did.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// The program in an empty directory, with nothing of our environment but the path.
pub(super) struct Program {
    directory: tempfile::TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Run {
    #[track_caller]
    pub(super) fn ends_with(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self:#?}");
    }
}

impl Program {
    pub(super) fn new() -> Program {
        Program { directory: tempfile::tempdir().unwrap() }
    }

    /// A place in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Run {
        Program::finish(self.command(env!("CARGO_BIN_EXE_aegis")).args(arguments))
    }

    /// Runs a line in a shell that knows the program as `aegis`.
    pub(super) fn shell(&self, line: &str) -> Run {
        let known = format!("aegis() {{ '{}' \"$@\"; }}; {line}", env!("CARGO_BIN_EXE_aegis"));
        Program::finish(self.command("sh").args(["-c", &known]))
    }

    /// Runs with this API key.
    pub(super) fn run_as(&self, key: &str, arguments: &[&str]) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_aegis"));
        Program::finish(command.env("AEGIS_API_KEY", key).args(arguments))
    }

    /// Runs with this variable in its environment.
    pub(super) fn run_in(&self, variable: (&str, &str), arguments: &[&str]) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_aegis"));
        Program::finish(command.env(variable.0, variable.1).args(arguments))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        #[expect(clippy::disallowed_methods, reason = "the child needs a path to find its tools")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.current_dir(self.directory.path()).env_clear().env("PATH", path).stdin(Stdio::null());
        command
    }

    fn finish(command: &mut Command) -> Run {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts a sandbox on `port` and waits until it listens.
    pub(super) fn serve(&self, port: u16) -> Server {
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.command(env!("CARGO_BIN_EXE_aegis"));
        command.args(["serve", "--listen", &listen]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        // The last line of a greeting is the curl line that sends its input.
        while out.read_line(&mut greeting).unwrap() > 0
            && !greeting.contains("-d @-")
            && !greeting.contains("rm -r")
        {}
        assert!(greeting.contains("is ready on"), "{greeting}");
        Server { child, out, greeting }
    }
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A server process; killed if nobody stopped it.
pub(super) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    pub(super) greeting: String,
}

impl Server {
    /// Asks it to end, and gives its exit code.
    pub(super) fn terminate(mut self) -> Option<i32> {
        let ended = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(ended.success());
        let code = self.child.wait().unwrap().code();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        code
    }

    /// Ends it without warning.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A running sandbox with its keys.
pub(super) struct Sandbox {
    pub(super) program: Program,
    pub(super) url: String,
    pub(super) port: u16,
    pub(super) greeting: String,
    pub(super) server: Server,
}

impl Sandbox {
    pub(super) fn start() -> Sandbox {
        let (program, port) = (Program::new(), free_port());
        let mut server = program.serve(port);
        let greeting = std::mem::take(&mut server.greeting);
        Sandbox { program, url: format!("http://127.0.0.1:{port}"), port, greeting, server }
    }

    pub(super) fn key(&self, pointer: &str) -> String {
        let file: Value = serde_json::from_str(&self.program.read("aegis-data/sandbox.json")).unwrap();
        file.pointer(pointer).and_then(Value::as_str).unwrap().to_owned()
    }

    pub(super) fn as_operator(&self, arguments: &[&str]) -> Run {
        self.program.run_as(&self.key("/operator/apiKey"), arguments)
    }

    pub(super) fn as_admin(&self, arguments: &[&str]) -> Run {
        self.program.run_as(&self.key("/adminKey"), arguments)
    }

    /// Issues a passport into the file `name`.
    pub(super) fn issue(&self, name: &str) {
        let what = ["--jurisdiction", "EU", "--risk", "high", "--policy", "eu_ai_act+gdpr", "--model", "m-1"];
        let to = ["passport", "issue", "--url", &self.url, "--operator", "op_acme_corp"];
        let run = self.as_operator(&[&to[..], &what[..]].concat());
        run.ends_with(0);
        self.program.write(name, &run.out);
    }
}
