//! The single writer: group commit.
//!
//! Operations that wait are run one after another inside one transaction, each in its own savepoint, and made durable by one
//! fsync. A failed operation undoes its savepoint only. Nobody is answered, and no callback runs, before the commit: even a
//! refusal may have been decided on rows of a neighbour in the same transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::fault::fault;
use super::session::Session;
use crate::dialect;
use crate::job::{Decision, WriteJob};
use crate::queue::Queue;
use crate::{CommitHooks, Fault, Tx};

/// Operations in one transaction: bounds how long the first of them waits for its answer.
const BATCH_OPERATIONS_MAX: usize = 256;

/// After this, a transaction takes in no further operation: bounds the same where single operations are slow.
const BATCH_DURATION_MAX: Duration = Duration::from_millis(20);

pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) queue: Arc<Queue<Box<dyn WriteJob>>>,
    pub(super) hooks: CommitHooks,
}

struct Done {
    job: Box<dyn WriteJob>,
    outcome: Result<Decision, Fault>,
}

impl Writer {
    /// Serves the queue until it is closed and empty.
    pub(super) fn run(self) {
        while let Some(first) = self.queue.pop() {
            self.commit_together(first);
        }
    }

    fn commit_together(&self, first: Box<dyn WriteJob>) {
        if let Err(fault) = self.control("BEGIN IMMEDIATE") {
            // Somebody else holds the file, for seconds already: those who queued up meanwhile need not wait as long again.
            first.answer(Err(fault.clone()));
            while let Some(job) = self.queue.try_pop() {
                job.answer(Err(fault.clone()));
            }
            return;
        }
        let mut batch = Vec::new();
        let committed = self.fill(first, &mut batch).and_then(|()| self.commit(&batch));
        let failed = committed.err();
        if failed.is_some() && !self.connection.is_autocommit() {
            self.roll_back();
        }
        finish(batch, failed);
    }

    /// Runs waiting operations into `batch`. A fault here is one of the whole transaction.
    fn fill(&self, first: Box<dyn WriteJob>, batch: &mut Vec<Done>) -> Result<(), Fault> {
        let started = Instant::now();
        let mut next = Some(first);
        while let Some(mut job) = next {
            let ran = self.run_in_savepoint(&mut *job);
            let (outcome, transaction) = match ran {
                Ok(outcome) => (outcome, Ok(())),
                Err(fault) => (Err(fault.clone()), Err(fault)),
            };
            batch.push(Done { job, outcome });
            transaction?;
            let room = batch.len() < BATCH_OPERATIONS_MAX && started.elapsed() < BATCH_DURATION_MAX;
            next = if room { self.queue.try_pop() } else { None };
        }
        Ok(())
    }

    /// The outer fault is one of the transaction, the inner one that of the operation alone.
    fn run_in_savepoint(&self, job: &mut dyn WriteJob) -> Result<Result<Decision, Fault>, Fault> {
        self.control("SAVEPOINT operation")?;
        let mut tx = Tx::new(dialect::Session::Sqlite(Session::new(&self.connection)));
        let ran = job.run(&mut tx);
        let outcome = tx.into_refused().map_or(ran, Err);
        // A full disk and some other faults make SQLite undo the whole transaction, neighbours included.
        if self.connection.is_autocommit() {
            return Err(outcome.err().unwrap_or_else(|| {
                Fault::internal("run an operation", "the operation ended the transaction of the store")
            }));
        }
        match outcome {
            Ok(Decision::Commit) => {}
            Ok(Decision::Rollback) | Err(_) => self.control("ROLLBACK TO operation")?,
        }
        self.control("RELEASE operation")?;
        Ok(outcome)
    }

    fn commit(&self, batch: &[Done]) -> Result<(), Fault> {
        if !batch.iter().any(Done::keeps) {
            return self.control("ROLLBACK");
        }
        (self.hooks.before_commit)();
        self.control("COMMIT")?;
        // The commit point: from here on a crash loses nothing of this batch.
        (self.hooks.after_commit)();
        Ok(())
    }

    fn roll_back(&self) {
        if let Err(fault) = self.control("ROLLBACK") {
            // The next BEGIN fails too and says so to its callers; there is nobody left to tell here.
            tracing::error!(%fault, "could not roll back a transaction");
        }
    }

    fn control(&self, statement: &'static str) -> Result<(), Fault> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut prepared| prepared.raw_execute())
            .map(drop)
            .map_err(|error| fault(statement, error))
    }
}

impl Done {
    fn keeps(&self) -> bool {
        matches!(self.outcome, Ok(Decision::Commit))
    }
}

/// Runs the callbacks of what was kept, all before the first answer, and answers everybody.
fn finish(mut batch: Vec<Done>, failed: Option<Fault>) {
    if let Some(fault) = failed {
        for done in batch {
            done.job.answer(Err(fault.clone()));
        }
        return;
    }
    for done in batch.iter_mut().filter(|done| done.keeps()) {
        done.job.committed();
    }
    for done in batch {
        done.job.answer(done.outcome.map(|_| ()));
    }
}
