//! One running instance per test: real database, real router behind the real edge, a clock set by hand and
//! seeded randomness. Tests talk to it as clients do.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use aegis_core::crypto::aead::SealingKey;
use aegis_core::crypto::sign::SigningKey;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_kernel::clock::Clock;
use aegis_kernel::mail::Mailer;
use aegis_kernel::os_entropy::EntropySource;
use aegis_server::account::{SandboxCredentials, seed_sandbox};
use aegis_server::app::{App, Mode, Wiring};
use aegis_server::http::edge::{Edge, EdgeSettings};
use aegis_server::http::openapi::Document;
use aegis_server::outbound::Rules;
use aegis_store::OpenMode;
use aegis_testkit::backend::TestDatabase;
use aegis_tlog::note::NoteSigner;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Each test starts at this instant: 2026-05-08T22:00:00Z.
pub(crate) const START: i64 = 1_778_277_600;

/// A running instance with its sample organizations.
pub(crate) struct TestServer {
    database: TestDatabase,
    pub(crate) app: App,
    pub(crate) edge: Edge,
    pub(crate) document: Document,
    pub(crate) keys: Arc<SandboxCredentials>,
    stop: Stop,
}

/// Ends the jobs when the test does.
struct Stop(watch::Sender<bool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null when there is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// The problem code of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body, after checking the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Checks status and code of a refusal, and that it is a whole problem.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["error"], body["detail"]);
        assert_eq!(body["requestId"].as_str(), self.header("x-request-id"));
        body
    }
}

/// The log of somebody else that instances of tests cosign.
pub(crate) fn other_log() -> NoteSigner {
    NoteSigner::new("other.example/log", SigningKey::from_seed(&Secret::new([5; 32]))).expect("a name")
}

async fn open(database: &TestDatabase, now: Timestamp, seed: u8) -> App {
    let wiring = Wiring {
        mode: Mode::Sandbox,
        location: database.location(),
        open_mode: OpenMode::CreateIfMissing,
        kek: SealingKey::new(Secret::new([9; 32])),
        origin: "http://localhost:8080".to_owned(),
        log_origin: "localhost:8080/log".to_owned(),
        clock: Clock::manual(now),
        entropy: EntropySource::from_seed([seed; 32]),
        mailer: Mailer::Mailbox,
        identity: aegis_server::passport::Settings::default(),
        sequencer_interval: std::time::Duration::from_millis(200),
        witnessed: vec![other_log().verifier().clone()],
        outbound: Rules { ports: vec![8443], allow_loopback: true },
    };
    App::open(wiring).await.expect("the instance opens")
}

impl TestServer {
    /// A new instance on `database`.
    pub(crate) async fn start(database: TestDatabase) -> TestServer {
        let app = open(&database, Timestamp::from_seconds(START), 1).await;
        let keys = seed_sandbox(&app.kernel).await.expect("seeded").expect("a new database");
        TestServer::run(database, app, Arc::new(keys))
    }

    fn run(database: TestDatabase, app: App, keys: Arc<SandboxCredentials>) -> TestServer {
        let (router, document) = aegis_server::router::routes(&app);
        let ids = app.kernel.clone();
        let request_ids = Box::new(move || ids.parts().entropy.fork().bytes());
        let edge = Edge::new(router, EdgeSettings::default(), request_ids);
        let (stop, stopped) = watch::channel(false);
        app.start_jobs(&stopped);
        TestServer { database, app, edge, document, keys, stop: Stop(stop) }
    }

    /// Ends the instance and starts it again on the same data, at the same instant.
    pub(crate) async fn restart(self) -> TestServer {
        let TestServer { database, app, edge, keys, stop, .. } = self;
        let now = app.now();
        drop((stop, edge));
        let closing = tokio::task::spawn_blocking(move || app.close());
        closing.await.expect("closed");
        let app = open(&database, now, 2).await;
        TestServer::run(database, app, keys)
    }

    /// Gives every waiting entry its place in the log, at the present instant.
    pub(crate) async fn integrate(&self) {
        while aegis_kernel::audit::sequence::integrate(&self.app.kernel).await.expect("integrated") > 0 {}
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, seconds: i64) {
        self.app.kernel.parts().clock.advance(seconds * 1_000_000);
    }

    /// One request from loopback.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.edge.respond(IpAddr::V4(Ipv4Addr::LOCALHOST), request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, bytes }
    }

    /// One request with JSON, a key and further headers, each if given.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            None => Body::empty(),
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
        };
        self.send(request.body(body).expect("a request")).await
    }

    /// `GET` with a key.
    pub(crate) async fn get(&self, path: &str, key: Option<&str>) -> Reply {
        self.call(Method::GET, path, key, None, &[]).await
    }

    /// `POST` with a key.
    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Reply {
        self.call(Method::POST, path, key, Some(body), &[]).await
    }

    /// The sample operator's key.
    pub(crate) fn operator(&self) -> &str {
        self.keys.operator.api_key.reveal()
    }

    /// The admin's key.
    pub(crate) fn admin(&self) -> &str {
        self.keys.admin_key.reveal()
    }

    /// Another operator with a key of its own.
    pub(crate) async fn another_operator(&self, id: &str) -> String {
        let body = json!({ "name": "Other Corp", "roles": ["operator"], "country": "DE", "ids": { "operator": id } });
        let made = self.post("/v1/admin/organizations", Some(self.admin()), &body).await.expect(201);
        made["apiKey"]["secret"].as_str().expect("a secret").to_owned()
    }

    /// Issues what the reference page issues, with changes.
    pub(crate) async fn issue_with(&self, changes: Value) -> Reply {
        self.post("/api/agent/issue", Some(self.operator()), &reference_request(&changes)).await
    }

    /// A passport as the reference page issues it.
    pub(crate) async fn issue(&self) -> Value {
        self.issue_with(json!({})).await.expect(201)
    }

    /// Verifies a document.
    pub(crate) async fn verify(&self, passport: &Value) -> Value {
        self.post("/api/agent/verify", None, &json!({ "passport": passport })).await.expect(200)
    }
}

/// The request of the reference page, with changes: null removes a member.
pub(crate) fn reference_request(changes: &Value) -> Value {
    let mut body = json!({
        "operator_id": "op_acme_corp",
        "jurisdiction": "EU",
        "risk_classification": "high",
        "policy_bundle": "eu_ai_act+gdpr",
        "capability_attestation": { "model": "claude-opus-4-7", "provider_signature": "..." },
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    if let Value::Object(members) = &mut body {
        members.retain(|_, value| !value.is_null());
    }
    body
}

/// Runs each test on both databases: `both! { name_of_an_async_fn_taking_a_server, … }`.
macro_rules! both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    let database = aegis_testkit::backend::TestDatabase::sqlite();
                    super::$name(crate::harness::TestServer::start(database).await).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $name() {
                    let database = aegis_testkit::backend::TestDatabase::postgres();
                    super::$name(crate::harness::TestServer::start(database).await).await;
                }
            )+
        }
    };
}
pub(crate) use both;
