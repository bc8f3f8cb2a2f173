//! A whole instance inside the measuring process: a database in a temporary folder, a listener on a free port.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::crypto::aead::SealingKey;
use aegis_core::secret::Secret;
use aegis_kernel::clock::Clock;
use aegis_kernel::mail::Mailer;
use aegis_kernel::os_entropy::EntropySource;
use aegis_server::account::seed_sandbox;
use aegis_server::app::{App, Mode, Wiring};
use aegis_server::config::{Config, Sources};
use aegis_server::http::edge::Edge;
use aegis_server::outbound::Rules;
use aegis_server::passport::{Registry, Settings};
use aegis_server::router::routes;
use aegis_server::serve::Server;
use aegis_store::{Location, OpenMode};
use tokio::runtime::Runtime;

/// The instance, and one connection to it.
pub(crate) struct Instance {
    pub(crate) registry: Arc<Registry>,
    stream: TcpStream,
    issue: Vec<u8>,
    // Kept for as long as the instance is used.
    _server: Server,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Instance {
    /// Opens a sandbox whose operator may issue as often as it likes.
    pub(crate) fn open() -> Result<Instance, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let wiring = Wiring {
            mode: Mode::Sandbox,
            location: Location::parse(&format!("sqlite:{}", folder.path().join("aegis.db").display()))?,
            open_mode: OpenMode::CreateIfMissing,
            kek: SealingKey::new(Secret::new([9; 32])),
            origin: "https://id.example.org".to_owned(),
            log_origin: "id.example.org/log".to_owned(),
            clock: Clock::System,
            entropy: EntropySource::from_seed([7; 32]),
            mailer: Mailer::Nowhere,
            identity: Settings { issue_per_hour: 1_000_000, ..Settings::default() },
            sequencer_interval: Duration::from_secs(1),
            witnessed: Vec::new(),
            outbound: Rules { ports: Vec::new(), allow_loopback: true },
        };
        let runtime = Runtime::new()?;
        let app = runtime.block_on(App::open(wiring))?;
        let keys = runtime.block_on(seed_sandbox(&app.kernel))?.ok_or("the database is not new")?;
        let (router, _) = routes(&app);
        let settings = [("AEGIS__HTTP__LISTEN", "127.0.0.1:0"), ("AEGIS__HTTP__WORKERS", "1")];
        let environment = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let config = Config::load(&Sources { environment, ..Sources::default() })?;
        let ids = EntropySource::from_seed([8; 32]);
        let edge = Edge::new(router, config.edge_settings(), Box::new(move || ids.fork().bytes()));
        let server = Server::start(edge, &config.http, None)?;
        let stream = TcpStream::connect(server.address())?;
        stream.set_nodelay(true)?;
        let issue = request(keys.operator.api_key.reveal());
        let registry = Arc::clone(&app.passports);
        Ok(Instance { registry, stream, issue, _server: server, _runtime: runtime, _folder: folder })
    }

    /// Issues one passport over HTTP and gives its document.
    pub(crate) fn issue(&mut self) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let request = std::mem::take(&mut self.issue);
        let answer = self.call(&request, "201");
        self.issue = request;
        answer
    }

    /// Verifies one passport over HTTP and gives the answer.
    pub(crate) fn verify(&mut self, document: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let head = format!(
            "POST /api/agent/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{{\"passport\":",
            document.len() + 13
        );
        self.call(&[head.as_bytes(), document, b"}"].concat(), "200")
    }

    fn call(&mut self, request: &[u8], status: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        self.stream.write_all(request)?;
        let mut answer = Vec::new();
        let mut piece = [0; 8192];
        loop {
            let count = self.stream.read(&mut piece)?;
            answer.extend_from_slice(piece.get(..count).unwrap_or_default());
            // The body is one object; nothing before it ends in a brace where a read could stop.
            if count == 0 || answer.ends_with(b"}") {
                break;
            }
        }
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no answer")?;
        if answer.get(9..12) != Some(status.as_bytes()) {
            return Err(String::from_utf8_lossy(&answer).into());
        }
        Ok(answer.split_off(head + 4))
    }
}

fn request(key: &str) -> Vec<u8> {
    let body = r#"{"operator_id":"op_acme_corp","jurisdiction":"EU","risk_classification":"high",
        "policy_bundle":"eu_ai_act+gdpr","scopes":["calendar:read","invoice:pay","mail:send"],
        "capability_attestation":{"model":"claude-opus-4-7","provider_signature":"..."}}"#;
    let length = body.len();
    format!(
        "POST /api/agent/issue HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
