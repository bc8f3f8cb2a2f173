//! The one client for addresses that others chose: resolve once, judge, connect to what was judged, read a bounded
//! answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aegis_kernel::tasks;
use axum::http::{HeaderName, HeaderValue, Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::target::{Host, Rules, Target};

/// From the first byte to the last, resolving included.
const ATTEMPT_TIME: Duration = Duration::from_secs(15);
/// For the connection, TLS included.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header fields of an answer.
const HEADERS_MAX: usize = 128;
/// Addresses of one name that are tried; the rest would only prolong the attempt.
const ADDRESSES_MAX: usize = 4;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status; redirects are not followed, so it may be one.
    pub status: u16,
    /// The body up to the bound that the request set.
    pub body: Vec<u8>,
    /// Whether the body went on.
    pub truncated: bool,
}

/// Why nothing came back. What the other side said on its way down is not repeated: strangers read this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The host resolved to an address that may not be called; nothing was sent.
    #[error("the host leads to an address that may not be called")]
    PrivateAddress,
    /// The host has no address.
    #[error("the host has no address")]
    Unresolvable,
    /// No connection.
    #[error("no connection")]
    Connect,
    /// No TLS connection: certificate, name or protocol.
    #[error("no TLS connection: certificate, name or protocol")]
    Tls,
    /// No whole answer in time; the request may have arrived.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended early, or what came is no HTTP; the request may have arrived.
    #[error("the connection ended, or what came is no HTTP")]
    Protocol,
}

impl Unanswered {
    /// All of them.
    pub const ALL: [Unanswered; 6] = [
        Unanswered::PrivateAddress,
        Unanswered::Unresolvable,
        Unanswered::Connect,
        Unanswered::Tls,
        Unanswered::Timeout,
        Unanswered::Protocol,
    ];

    /// The name used on the wire and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Unanswered::PrivateAddress => "private_address",
            Unanswered::Unresolvable => "unresolvable",
            Unanswered::Connect => "connect",
            Unanswered::Tls => "tls",
            Unanswered::Timeout => "timeout",
            Unanswered::Protocol => "protocol",
        }
    }
}

/// Calls strangers, under rules.
pub struct Outbound {
    rules: Rules,
    tls: OnceLock<TlsConnector>,
}

impl Outbound {
    /// A client that trusts the certificates this system trusts; they are read with the first call that needs them.
    pub fn new(rules: Rules) -> Outbound {
        Outbound { rules, tls: OnceLock::new() }
    }

    /// A client that trusts `roots` alone.
    ///
    /// # Errors
    /// When the TLS library refuses its own defaults; never with the one this program is built with.
    pub fn trusting(rules: Rules, roots: RootCertStore) -> Result<Outbound, rustls::Error> {
        let client = Outbound::new(rules);
        // The slot is fresh, so this cannot be the second time.
        let _ = client.tls.set(connector(roots)?);
        Ok(client)
    }

    /// What may be called.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Posts `body` to `target` and reads at most `answer_max` bytes of the answer's body. Sends no cookie, no
    /// credential and no header but `headers`, `host`, `content-length` and `connection`.
    ///
    /// # Errors
    /// [`Unanswered`], also when 15 seconds have passed. Header names and values must be valid; others are
    /// [`Unanswered::Protocol`].
    pub async fn post(
        &self,
        target: &Target,
        headers: &[(&'static str, String)],
        body: Bytes,
        answer_max: usize,
    ) -> Result<Answered, Unanswered> {
        let attempt = self.attempt(target, headers, body, answer_max);
        tokio::time::timeout(ATTEMPT_TIME, attempt).await.unwrap_or(Err(Unanswered::Timeout))
    }

    async fn attempt(
        &self,
        target: &Target,
        headers: &[(&'static str, String)],
        body: Bytes,
        answer_max: usize,
    ) -> Result<Answered, Unanswered> {
        let request = request(target, headers, body).ok_or(Unanswered::Protocol)?;
        let addresses = self.resolve(target).await?;
        let connecting = tokio::time::timeout(CONNECT_TIME, connect(&addresses, target.port));
        let stream = connecting.await.map_err(|_| Unanswered::Timeout)??;
        if !target.tls {
            return exchange(stream, request, answer_max).await;
        }
        let name = match &target.host {
            Host::Address(address) => ServerName::IpAddress((*address).into()),
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Unanswered::Tls)?,
        };
        let shaking = self.connector()?.connect(name, stream);
        let encrypted = tokio::time::timeout(CONNECT_TIME, shaking).await.map_err(|_| Unanswered::Timeout)?;
        exchange(encrypted.map_err(|_| Unanswered::Tls)?, request, answer_max).await
    }

    /// Every address of the host, all of which may be called. One that may not refuses all: which of them a name means is
    /// its owner's choice, and changes.
    async fn resolve(&self, target: &Target) -> Result<Vec<IpAddr>, Unanswered> {
        let addresses: Vec<IpAddr> = match &target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let found = tokio::net::lookup_host((name.as_str(), target.port)).await;
                found.map_err(|_| Unanswered::Unresolvable)?.map(|address| address.ip()).collect()
            }
        };
        if addresses.is_empty() {
            return Err(Unanswered::Unresolvable);
        }
        let all = addresses.iter().all(|address| target.admits(*address, &self.rules));
        if all { Ok(addresses) } else { Err(Unanswered::PrivateAddress) }
    }

    fn connector(&self) -> Result<&TlsConnector, Unanswered> {
        if let Some(connector) = self.tls.get() {
            return Ok(connector);
        }
        let mut roots = RootCertStore::empty();
        let (trusted, _unreadable) =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if trusted == 0 {
            tracing::error!("this system trusts no certificate, so nothing can be called over TLS");
        }
        let made = connector(roots).map_err(|_| Unanswered::Tls)?;
        Ok(self.tls.get_or_init(|| made))
    }
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Unanswered> {
    for address in addresses.iter().take(ADDRESSES_MAX) {
        if let Ok(stream) = TcpStream::connect(SocketAddr::new(*address, port)).await {
            return Ok(stream);
        }
    }
    Err(Unanswered::Connect)
}

fn request(target: &Target, headers: &[(&'static str, String)], body: Bytes) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::post(target.path.as_str()).body(Full::new(body)).ok()?;
    let map = request.headers_mut();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
    }
    map.insert(header::HOST, HeaderValue::from_str(&target.authority()).ok()?);
    map.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Some(request)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    answer_max: usize,
) -> Result<Answered, Unanswered> {
    let mut protocol = http1::Builder::new();
    protocol.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let shaken = protocol.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|_| Unanswered::Protocol)?;
    let connection = Ended(tasks::spawn(async move {
        // How it ended shows in the exchange itself.
        let _ended = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(|_| Unanswered::Protocol)?;
    let status = response.status().as_u16();
    let (body, truncated) = read(response.into_body(), answer_max).await;
    drop(connection);
    Ok(Answered { status, body, truncated })
}

/// A connection's task, which ends with its exchange, also when that is given up.
struct Ended(tokio::task::JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body that breaks off counts as far as it came: the status is known.
async fn read(mut body: Incoming, max: usize) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else { continue };
        let room = max.saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
        if bytes.len() > room {
            return (kept, true);
        }
    }
    (kept, false)
}

#[cfg(test)]
mod tests;
