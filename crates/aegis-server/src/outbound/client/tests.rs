//! The client against servers on loopback that behave and misbehave.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

fn open() -> Rules {
    Rules { ports: Vec::new(), allow_loopback: true }
}

/// A server that takes one connection, reads what was sent and answers `answer`.
async fn answering(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tasks::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        converse(&mut stream, answer).await
    });
    (port, served)
}

async fn converse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str) -> String {
    let mut received = vec![0; 4096];
    let mut length = 0;
    // The first byte of a TLS handshake is 22: a server that speaks none answers at once.
    while received[0] != 22 && !String::from_utf8_lossy(&received[..length]).contains("\r\n\r\nbody") {
        match stream.read(&mut received[length..]).await {
            Ok(more) if more > 0 => length += more,
            _ => break,
        }
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&received[..length]).into_owned()
}

async fn post(client: &Outbound, url: &str, max: usize) -> Result<Answered, Unanswered> {
    let target = Target::parse(url, client.rules()).unwrap();
    let headers = [("content-type", "application/json".to_owned())];
    client.post(&target, &headers, Bytes::from_static(b"body"), max).await
}

/// What is sent is what was asked for, and the answer is cut at its bound.
#[tokio::test]
async fn posts_and_reads_so_much() {
    let (port, served) = answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nvery well").await;
    let client = Outbound::new(open());
    let answered = post(&client, &format!("http://127.0.0.1:{port}/hook?a=b"), 4).await.unwrap();
    assert_eq!(answered, Answered { status: 200, body: b"very".to_vec(), truncated: true });
    let sent = served.await.unwrap().to_lowercase();
    assert!(sent.starts_with("post /hook?a=b http/1.1\r\n"), "{sent}");
    assert!(
        sent.contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")) && sent.ends_with("\r\n\r\nbody"),
        "{sent}"
    );
}

/// A redirect is an answer like another: nobody follows it.
#[tokio::test]
async fn follows_nothing() {
    let (port, _) = answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n").await;
    let answered = post(&Outbound::new(open()), &format!("http://127.0.0.1:{port}/"), 10).await.unwrap();
    assert_eq!(answered.status, 302);
}

/// A name is judged by where it leads: `localhost` is closed unless loopback is open, whatever the URL says.
#[tokio::test]
async fn judges_what_it_resolved() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let closed = Outbound::new(Rules { ports: vec![port], allow_loopback: false });
    let refused = post(&closed, &format!("https://localhost:{port}/"), 10).await;
    assert_eq!(refused, Err(Unanswered::PrivateAddress));
    let waited = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(waited.is_err(), "no connection was made");
}

/// Each way to fail has its name.
#[tokio::test]
async fn names_failures() {
    let client = Outbound::new(open());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(post(&client, &format!("http://127.0.0.1:{port}/"), 10).await, Err(Unanswered::Connect));
    let (port, _) = answering("SMTP ready\r\n").await;
    assert_eq!(post(&client, &format!("http://127.0.0.1:{port}/"), 10).await, Err(Unanswered::Protocol));
    let (port, _) = answering("not TLS, but a greeting as others send it").await;
    assert_eq!(post(&client, &format!("https://127.0.0.1:{port}/"), 10).await, Err(Unanswered::Tls));
    let names: std::collections::BTreeSet<_> = Unanswered::ALL.map(Unanswered::name).into_iter().collect();
    assert_eq!(names.len(), Unanswered::ALL.len());
}

/// Over TLS only a certificate that is trusted and names the host will do.
#[tokio::test]
async fn demands_a_certificate_of_the_host() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                converse(&mut stream, "HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = Outbound::trusting(open(), roots).unwrap();
    let answered = post(&client, &format!("https://localhost:{port}/"), 10).await;
    // A machine whose `localhost` is ::1 first falls back to the address that listens.
    assert_eq!(answered.unwrap().status, 204);
    assert_eq!(post(&client, &format!("https://127.0.0.1:{port}/"), 10).await, Err(Unanswered::Tls));
    let stranger = Outbound::trusting(open(), RootCertStore::empty()).unwrap();
    assert_eq!(post(&stranger, &format!("https://localhost:{port}/"), 10).await, Err(Unanswered::Tls));
}
