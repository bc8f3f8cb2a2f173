//! Jobs: reconcilers that read what should be done from rows, do it, and may be called at any time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::time::Timestamp;
use aegis_store::{Fault, Lane, Store, Tx, Verdict};
use tokio::sync::{Notify, watch};

use crate::{sql, tasks};

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Nothing was due.
    Idle,
    /// Something was done; more may be due.
    Worked,
}

/// A future of one tick.
pub type Tick<'a> = Pin<Box<dyn Future<Output = Result<Report, Fault>> + Send + 'a>>;

/// Work without input, safe to repeat, woken by a timer and by hints that both do the same thing.
pub trait Job: Send + Sync + 'static {
    /// Its name in the lease table, logs and metrics.
    fn name(&self) -> &'static str;
    /// How long to sleep when nobody hints.
    fn interval(&self) -> Duration;
    /// Somebody thinks work waits.
    fn hint(&self) -> &Notify;
    /// Does what is due.
    fn tick(&self) -> Tick<'_>;
}

/// Runs `job` until `stop` turns true: a tick, then sleep until the timer or a hint. A fault is logged and
/// tried again with the next tick.
pub fn run(job: Arc<dyn Job>, mut stop: watch::Receiver<bool>) -> tokio::task::JoinHandle<()> {
    tasks::spawn(async move {
        while !*stop.borrow() {
            match job.tick().await {
                Ok(Report::Worked) => continue,
                Ok(Report::Idle) => {}
                Err(fault) => {
                    tracing::error!(job = job.name(), error = %chain(&fault), "a job failed; it will be tried again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(job.interval()) => {}
                () = job.hint().notified() => {}
                _ = stop.changed() => {}
            }
        }
    })
}

/// An error with all its sources, for the one log line about it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A right to run a job, held by one process at a time.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Which job.
    pub name: &'static str,
    /// Who holds it: one random name per process.
    pub holder: String,
    /// For how long at a time.
    pub seconds: i64,
}

impl Lease {
    /// Takes or renews the lease. `false`: another process holds it.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn hold(&self, store: &Store, now: Timestamp) -> Result<bool, Fault> {
        let lease = self.clone();
        let lane = Lane::of(&format!("lease/{}", lease.name));
        store.write(lane, move |tx| lease.take(tx, now), |_| {}).await
    }

    fn take(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Verdict<bool>, Fault> {
        match sql::find_lease(tx, self.name)? {
            Some((holder, until)) if holder != self.holder && until > now => Ok(Verdict::Rollback(false)),
            // Half of it is left: renewing now would only cost a write.
            Some((holder, until)) if holder == self.holder && until > now.plus_seconds(self.seconds / 2) => {
                Ok(Verdict::Rollback(true))
            }
            _ => {
                sql::upsert_lease(tx, self.name, &self.holder, now.plus_seconds(self.seconds))?;
                Ok(Verdict::Commit(true))
            }
        }
    }
}
