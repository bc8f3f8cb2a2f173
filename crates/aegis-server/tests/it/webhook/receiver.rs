//! A receiver of webhooks on loopback: it keeps what came, and answers what it was told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aegis_core::crypto::mac;
use aegis_core::crypto::sign::{PublicKey, Signature};
use aegis_core::encoding::{from_base64, to_base64};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::response::Response;
use serde_json::Value;

/// One message as it came.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Message {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// The signatures of `version`, without it.
    pub(super) fn signatures(&self, version: &str) -> Vec<&str> {
        let prefix = format!("{version},");
        let all = self.header("webhook-signature").split(' ');
        all.filter(|part| part.starts_with(&prefix)).map(|part| &part[prefix.len()..]).collect()
    }

    /// Whether one of the `v1` signatures was made with this secret (`whsec_…`).
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let key = from_base64(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let tag = mac::tag(&key.try_into().unwrap(), &[&self.signed()]);
        self.signatures("v1").contains(&to_base64(&tag).as_str())
    }

    /// Whether one of the `v1a` signatures holds for this public key (`whpk_…`).
    pub(super) fn is_signed_by(&self, public: &str) -> bool {
        let key: [u8; 32] = from_base64(public.strip_prefix("whpk_").unwrap()).unwrap().try_into().unwrap();
        let key = PublicKey::from_bytes(&key).unwrap();
        self.signatures("v1a").iter().any(|signature| {
            let bytes: [u8; 64] = from_base64(signature).unwrap().try_into().unwrap();
            key.verify(&self.signed(), &Signature::from_bytes(bytes)).is_ok()
        })
    }

    fn signed(&self) -> Vec<u8> {
        let head = format!("{}.{}.", self.id(), self.header("webhook-timestamp"));
        [head.as_bytes(), &self.bytes].concat()
    }
}

/// What the receiver answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Status(u16),
    Text(String),
    Silence,
}

#[derive(Default)]
struct Seen {
    messages: Mutex<Vec<Message>>,
    answers: Mutex<VecDeque<Answer>>,
}

/// A server on a port of its own.
pub(super) struct Receiver {
    pub(super) url: String,
    seen: Arc<Seen>,
}

impl Receiver {
    pub(super) async fn start() -> Receiver {
        let seen = Arc::new(Seen::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?key=of-the-receiver", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&seen));
        aegis_kernel::tasks::spawn(async move { axum::serve(listener, router).await });
        Receiver { url, seen }
    }

    /// What it answers next, in this order; after that, 200.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.seen.answers.lock().unwrap().extend(answers);
    }

    /// What came so far.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.seen.messages.lock().unwrap().clone()
    }

    /// The kinds of what came so far.
    pub(super) fn kinds(&self) -> Vec<String> {
        let kinds = self.messages();
        kinds.iter().map(|message| message.json()["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn receive(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    seen.messages.lock().unwrap().push(Message { headers, bytes: body.to_vec() });
    let answer = seen.answers.lock().unwrap().pop_front();
    match answer {
        None => StatusCode::OK.into_response(),
        Some(Answer::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Answer::Text(text)) => text.into_response(),
        Some(Answer::Silence) => std::future::pending().await,
    }
}
