//! Listening: sockets in, the edge's answers out, and an orderly end.
//!
//! Each worker is one thread with a single-threaded runtime and a listener of its own on the same port
//! (`SO_REUSEPORT`): a request is read, answered and written on one core, without a lock or a wake-up
//! between cores. Jobs and the database run elsewhere.

mod connection;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::{Http, TlsFiles};
use crate::http::edge::Edge;

pub use tls::TlsFault;

/// Bytes of a request's head, all headers together.
const HEAD_BYTES_MAX: u32 = 64 << 10;
/// Header lines of a request.
const HEADERS_MAX: usize = 100;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// Connections the operating system may hold until they are accepted.
const BACKLOG: u32 = 4096;
/// How long to wait when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    /// The address is taken, foreign or forbidden.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// A thread or runtime could not be made.
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
}

/// A server that is listening. Dropped without [`Server::stop`] it stops all the same, but nobody waits for it.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<usize>>,
    reload: Option<tls::Reload>,
}

/// What every connection needs.
struct Shared {
    edge: Edge,
    protocol: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    header_time: Duration,
    drain_time: Duration,
}

impl Server {
    /// Starts listening. When this returns, connections are accepted.
    ///
    /// # Errors
    /// If the address cannot be listened on, the certificate cannot be used, or a thread cannot be made.
    pub fn start(edge: Edge, http: &Http, tls: Option<&TlsFiles>) -> Result<Server, ServeFault> {
        let (acceptor, reload) = match tls {
            Some(files) => {
                let (acceptor, reload) = tls::accept_with(files)?;
                (Some(acceptor), Some(reload))
            }
            None => (None, None),
        };
        let shared = Arc::new(Shared {
            edge,
            protocol: protocol(http.header_time()),
            tls: acceptor,
            places: Arc::new(Semaphore::new(http.connections_max)),
            header_time: http.header_time(),
            drain_time: http.drain_time(),
        });
        let (address, listening) = listen(http.listen, http.workers().get())?;
        let (stop, stopped) = watch::channel(false);
        let workers = listening
            .into_iter()
            .enumerate()
            .map(|(number, (runtime, listener))| {
                let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
                let worker = move || runtime.block_on(accept(listener, shared, stopped));
                std::thread::Builder::new().name(format!("http-{number}")).spawn(worker)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(ServeFault::Worker)?;
        Ok(Server { address, stop, workers, reload })
    }

    /// The address that is listened on, with the port that was chosen if the configuration left it open.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, closes idle connections, waits for started requests (at most the configured time),
    /// and says how many connections had to be cut off. Blocks: call it outside of asynchronous code.
    pub fn stop(self) -> usize {
        self.stop.send_replace(true);
        drop(self.reload);
        self.workers.into_iter().map(|worker| worker.join().unwrap_or_default()).sum()
    }
}

fn protocol(header_time: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_time)
        .max_buf_size(HEAD_BYTES_MAX as usize)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(header_time)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX);
    builder
}

/// One runtime and one listener for each worker, all on one address.
fn listen(
    address: SocketAddr,
    workers: usize,
) -> Result<(SocketAddr, Vec<(Runtime, TcpListener)>), ServeFault> {
    let fault = |source| ServeFault::Listen { address, source };
    if address.port() != 0 {
        // Shared ports would let a second server take half of the first one's connections unnoticed. Binding
        // once without sharing fails if anyone is there.
        drop(std::net::TcpListener::bind(address).map_err(fault)?);
    }
    let mut bound = address;
    let mut listening = Vec::with_capacity(workers);
    for _ in 0..workers {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeFault::Worker)?;
        let listener = {
            let _inside = runtime.enter();
            open(bound).map_err(fault)?
        };
        bound = listener.local_addr().map_err(fault)?;
        listening.push((runtime, listener));
    }
    Ok((bound, listening))
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until told to stop, then waits for what was started. Gives the number of connections cut off.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) -> usize {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = connection::told(&mut stopped) => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                // Taken after accepting: a worker that waits for a connection must not sit on the last place
                // while another worker has a connection waiting.
                let place = tokio::select! {
                    () = connection::told(&mut stopped) => break,
                    place = Arc::clone(&shared.places).acquire_owned() => place,
                };
                let served = connection::serve(stream, peer.ip(), Arc::clone(&shared), stopped.clone());
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(shared.drain_time, all_done).await;
    let cut_off = connections.len();
    connections.shutdown().await;
    cut_off
}

#[cfg(test)]
mod tests;
