//! One connection from its first byte to its last.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Shared;
use crate::http::reply::LostAnswer;

/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// An answer that a sandbox fault wants lost: the connection ends in its place.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost on purpose")]
struct Lost;

/// Returns once the server is told to stop.
pub(super) async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server itself is gone, which is a reason to stop as well.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Serves the requests of one connection until it ends or the server stops.
pub(super) async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    match &shared.tls {
        None => exchange(stream, peer, &shared, stopped).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
            Ok(Ok(stream)) => exchange(stream, peer, &shared, stopped).await,
            // Scanners and plain HTTP on a TLS port: of interest to nobody but who debugs them.
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        },
    }
}

async fn exchange<I>(stream: I, peer: IpAddr, shared: &Shared, mut stopped: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let spoken = Arc::new(AtomicBool::new(false));
    let (speaks, edge) = (Arc::clone(&spoken), shared.edge.clone());
    let answer = service_fn(move |request: Request<Incoming>| {
        speaks.store(true, Ordering::Relaxed);
        // HTTP/2 answers requests in tasks of their own, so each future owns what it needs.
        let edge = edge.clone();
        async move {
            let response = edge.respond(peer, request.map(Body::new)).await;
            if response.extensions().get::<LostAnswer>().is_some() { Err(Lost) } else { Ok(response) }
        }
    });
    let mut connection = pin!(shared.protocol.serve_connection(TokioIo::new(stream), answer));
    // The protocol's own time limit on heads begins with the first byte; this one covers clients that never
    // send any.
    let mut silence = pin!(tokio::time::sleep(shared.header_time));
    let (mut watching, mut ending) = (true, false);
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(error = %error, "connection ended early");
                }
                return;
            }
            () = silence.as_mut(), if watching => {
                if !spoken.load(Ordering::Relaxed) {
                    return;
                }
                watching = false;
            }
            () = told(&mut stopped), if !ending => {
                ending = true;
                // Idle: closed at once. Busy: closed after the answers under way.
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
