//! The only place that starts background tasks.

use std::future::Future;

use tokio::task::JoinHandle;

/// Runs `work` on the current runtime, detached from whoever asked: a client that hangs up cannot cancel
/// half an operation.
#[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}
