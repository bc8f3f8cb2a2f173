//! Real sockets: workers, TLS, slow clients and the end of a server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use axum::Router;
use axum::routing::{get, post};
use rustls::pki_types::{CertificateDer, ServerName};

use super::*;
use crate::config::{Config, Sources};
use crate::http::edge::EdgeSettings;
use crate::http::reply::LostAnswer;

fn edge() -> Edge {
    let router = Router::new()
        .route("/now", get(|| async { "now" }))
        .route("/later", get(|| async { tokio::time::sleep(Duration::from_millis(400)).await }))
        .route("/never", get(|| async { tokio::time::sleep(Duration::from_mins(10)).await }))
        .route("/read", post(|request| async { crate::http::body::read(request).await }))
        .route("/lost", get(|| async { (axum::Extension(LostAnswer), "lost") }));
    let settings = EdgeSettings { body_time: Duration::from_secs(1), ..EdgeSettings::default() };
    Edge::new(router, settings, Box::new(|| [7; 16]))
}

fn http(settings: &[(&str, &str)]) -> Http {
    let fixed = [("LISTEN", "127.0.0.1:0"), ("PUBLIC_ORIGIN", "http://localhost"), ("WORKERS", "2")];
    let environment = fixed.iter().chain(settings);
    let environment =
        environment.map(|(name, value)| (format!("AEGIS__HTTP__{name}"), (*value).to_owned())).collect();
    Config::load(&Sources { environment, ..Sources::default() }).unwrap().http
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn send(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
}

/// Reads one answer's head and what came with it.
fn answer(stream: &mut impl std::io::Read) -> String {
    let mut buffer = [0; 4096];
    let size = stream.read(&mut buffer).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..size]).into_owned()
}

/// Every worker answers, connections are kept, a taken address is refused although ports are shared.
#[test]
fn serves_and_keeps_its_address() {
    let server = Server::start(edge(), &http(&[]), None).unwrap();
    let mut streams: Vec<TcpStream> = (0..16).map(|_| connect(&server)).collect();
    for _ in 0..2 {
        for stream in &mut streams {
            send(stream, "/now");
            let text = answer(stream);
            assert!(text.starts_with("HTTP/1.1 200") && text.contains("x-request-id: 0707"), "{text}");
        }
    }
    let port = server.address().port().to_string();
    let taken = Server::start(edge(), &http(&[("LISTEN", &format!("127.0.0.1:{port}"))]), None);
    assert!(matches!(taken.err(), Some(ServeFault::Listen { .. })));
    assert_eq!(server.stop(), 0);
}

/// At the end idle connections close at once and started requests finish; nothing new is accepted.
#[test]
fn drains() {
    let server = Server::start(edge(), &http(&[]), None).unwrap();
    let address = server.address();
    let (mut idle, mut busy) = (connect(&server), connect(&server));
    send(&mut idle, "/now");
    answer(&mut idle);
    send(&mut busy, "/later");
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    let stopping = std::thread::spawn(move || server.stop());
    assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0, "closed");
    assert!(started.elapsed() < Duration::from_millis(200));
    assert!(answer(&mut busy).starts_with("HTTP/1.1 200"));
    assert_eq!(stopping.join().unwrap(), 0);
    assert!(TcpStream::connect(address).is_err());
}

/// What does not end in time is cut off and counted.
#[test]
fn cuts_off_after_the_drain_time() {
    let server = Server::start(edge(), &http(&[("DRAIN_TIMEOUT_SECS", "1")]), None).unwrap();
    let mut busy = connect(&server);
    send(&mut busy, "/never");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.stop(), 1);
}

/// Clients that are silent or slow lose their connection; lost answers end it.
#[test]
fn ends_slow_and_lost_connections() {
    let server = Server::start(edge(), &http(&[("HEADER_TIMEOUT_SECS", "1")]), None).unwrap();
    let (mut silent, mut slow, mut lost) = (connect(&server), connect(&server), connect(&server));
    slow.write_all(b"GET /now HTTP/1.1\r\nhost: ").unwrap();
    send(&mut lost, "/lost");
    assert_eq!(answer(&mut lost), "");
    let started = Instant::now();
    assert_eq!(silent.read(&mut [0; 16]).unwrap_or(0), 0);
    let text = answer(&mut slow);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(started.elapsed() < Duration::from_secs(5));
    server.stop();
}

/// A client that sends too much, or too slowly, still gets to read why.
#[test]
fn answers_bodies_out_of_bounds() {
    let server = Server::start(edge(), &http(&[]), None).unwrap();
    let (mut large, mut slow) = (connect(&server), connect(&server));
    let size = 3 << 20;
    write!(large, "POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n").unwrap();
    large.write_all(&vec![b' '; size]).unwrap();
    assert!(answer(&mut large).starts_with("HTTP/1.1 413"));
    slow.write_all(b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").unwrap();
    let text = answer(&mut slow);
    assert!(text.starts_with("HTTP/1.1 400") && text.contains("did not arrive within 1 s"), "{text}");
    server.stop();
}

/// Beyond the limit a connection waits until another ends.
#[test]
fn bounds_connections() {
    let server = Server::start(edge(), &http(&[("CONNECTIONS_MAX", "1"), ("WORKERS", "1")]), None).unwrap();
    let (mut first, mut second) = (connect(&server), connect(&server));
    send(&mut first, "/now");
    assert!(answer(&mut first).starts_with("HTTP/1.1 200"));
    send(&mut second, "/now");
    second.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(answer(&mut second), "", "still waiting");
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(answer(&mut second).starts_with("HTTP/1.1 200"));
    server.stop();
}

/// Writes a fresh self-signed identity and gives its certificate.
fn identity(folder: &Path) -> (TlsFiles, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        cert_file: folder.join("cert.pem"),
        key_file: folder.join("key.pem"),
        reload: Duration::from_millis(50),
    };
    std::fs::write(&files.cert_file, made.cert.pem()).unwrap();
    std::fs::write(&files.key_file, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().clone())
}

/// Asks over TLS, trusting exactly `certificate`.
fn ask_tls(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    protocol: &[u8],
) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(client, TcpStream::connect(address)?);
    stream.write_all(b"GET /now HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    assert_eq!(stream.conn.alpn_protocol(), Some(protocol));
    Ok(answer(&mut stream))
}

/// TLS is served, a replaced certificate is taken up without a restart, a broken one is not.
#[test]
fn serves_tls_and_takes_up_new_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let (files, old) = identity(folder.path());
    let server = Server::start(edge(), &http(&[]), Some(&files)).unwrap();
    let address = server.address();
    assert!(ask_tls(address, &old, b"http/1.1").unwrap().starts_with("HTTP/1.1 200"));
    let (_, new) = identity(folder.path());
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask_tls(address, &new, b"http/1.1").is_err() {
        assert!(Instant::now() < deadline, "the new certificate is never taken up");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(ask_tls(address, &old, b"http/1.1").is_err());
    std::fs::write(&files.cert_file, "broken").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(ask_tls(address, &new, b"http/1.1").is_ok(), "the last good one stays");
    server.stop();
    assert!(matches!(Server::start(edge(), &http(&[]), Some(&files)).err(), Some(ServeFault::Tls(_))));
}
