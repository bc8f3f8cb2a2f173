//! The TLS identity: read from files, and read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Why a TLS identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file has no PEM block of the expected kind.
    #[error("{} contains no usable {expected} in PEM form", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it should contain.
        expected: &'static str,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("{} and {} do not make a TLS identity: {source}", cert.display(), key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The library's reason.
        source: rustls::Error,
    },
}

/// Keeps an identity up to date until dropped.
pub(super) struct Reload {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Reload {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; nothing depends on its end.
            let _ = thread.join();
        }
    }
}

/// The identity of the moment; new handshakes see a new one at once, old connections keep theirs.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Accepts TLS with the identity in `files`, and starts looking after them.
pub(super) fn accept_with(files: &TlsFiles) -> Result<(TlsAcceptor, Reload), TlsFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let seen = stamp(files);
    let current = Arc::new(Current(ArcSwap::from_pointee(load(files, &provider)?)));
    let unusable = |source| unusable(files, source);
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
    let reload = watch(files.clone(), seen, current, provider);
    Ok((TlsAcceptor::from(Arc::new(config)), reload))
}

/// Looks at the files every few seconds. A pair that cannot be used (perhaps half replaced) is reported once
/// and the old one kept.
fn watch(files: TlsFiles, mut seen: Stamp, current: Arc<Current>, provider: Arc<CryptoProvider>) -> Reload {
    let (stop, stopped) = channel();
    let look = move || {
        while stopped.recv_timeout(files.reload) == Err(RecvTimeoutError::Timeout) {
            let now = stamp(&files);
            if now == seen {
                continue;
            }
            match load(&files, &provider) {
                Ok(identity) => {
                    current.0.store(Arc::new(identity));
                    tracing::info!(cert_file = %files.cert_file.display(), "TLS certificate replaced");
                }
                Err(error) => tracing::error!(%error, "new TLS certificate refused; the old one stays"),
            }
            seen = now;
        }
    };
    let thread = std::thread::Builder::new().name("tls-reload".to_owned()).spawn(look);
    if let Err(error) = &thread {
        tracing::error!(%error, "the TLS certificate will not be renewed without a restart");
    }
    Reload { stop: Some(stop), thread: thread.ok() }
}

/// When and how large both files were.
type Stamp = [Option<(SystemTime, u64)>; 2];

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.cert_file, &files.key_file].map(|path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    })
}

fn load(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsFault> {
    let malformed = |path: &Path, expected| TlsFault::Malformed { path: path.to_owned(), expected };
    let pem = read(&files.cert_file)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if chain.is_empty() {
        return Err(malformed(&files.cert_file, "certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key_file)?)
        .map_err(|_| malformed(&files.key_file, "private key"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|source| unusable(files, source))
}

fn unusable(files: &TlsFiles, source: rustls::Error) -> TlsFault {
    TlsFault::Unusable { cert: files.cert_file.clone(), key: files.key_file.clone(), source }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    std::fs::read(path).map_err(|source| TlsFault::Unreadable { path: path.to_owned(), source })
}
