//! How requests reach a chain: the one place that knows whether it is a node or runs in this process.

use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use url::Url;

use crate::sim::SimChain;

/// Time for one request, connecting included: more than a slow node needs, less than a caller waits.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// Time for connecting.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// Bytes of one answer: a block of a busy chain with all its transactions has a tenth of it.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// One way to one chain.
#[derive(Clone)]
pub(crate) enum Wire {
    /// A node behind HTTP. Its address may hold a secret and has no printable form.
    Http(HttpWire),
    /// The chain in this process.
    Sim(SimChain),
}

/// A node behind HTTP.
#[derive(Clone)]
pub(crate) struct HttpWire {
    client: reqwest::Client,
    url: Url,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wire::Http(http) => write!(f, "Http({})", http.url.host_str().unwrap_or("?")),
            Wire::Sim(sim) => write!(f, "Sim({})", sim.chain_id()),
        }
    }
}

/// No client for HTTP could be made: the TLS library refuses the machine's certificates.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for the chain's nodes")]
pub(crate) struct NoClient(#[source] reqwest::Error);

impl HttpWire {
    /// Prepares to talk to `url`. Nothing is sent. Redirects are not followed and no proxy of the environment is used.
    ///
    /// # Errors
    /// [`NoClient`]
    pub(crate) fn new(url: Url) -> Result<HttpWire, NoClient> {
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIME)
            .connect_timeout(CONNECT_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        Ok(HttpWire { client: client.map_err(NoClient)?, url })
    }

    async fn post(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        // An error of the client names the address, and with it a key that may stand in its path.
        let lost = |error: reqwest::Error| TransportErrorKind::custom(error.without_url());
        let mut answer = self.client.post(self.url).json(&packet).send().await.map_err(lost)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
                return Err(TransportErrorKind::custom_str("the node's answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        // Nodes put errors of JSON-RPC under any status; a body that is none is only a status.
        let packet: Option<ResponsePacket> = serde_json::from_slice(&body).ok();
        match packet {
            Some(packet) if status.is_success() || packet.is_error() => Ok(packet),
            _ => Err(TransportErrorKind::http_error(status.as_u16(), String::new())),
        }
    }
}

impl tower::Service<RequestPacket> for Wire {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        match self {
            Wire::Http(http) => Box::pin(http.clone().post(packet)),
            Wire::Sim(sim) => {
                let sim = sim.clone();
                Box::pin(async move { sim.answer_packet(packet) })
            }
        }
    }
}
