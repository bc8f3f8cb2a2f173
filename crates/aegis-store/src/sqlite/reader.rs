//! Threads that read, each on its own connection and snapshot.

use std::sync::Arc;

use rusqlite::Connection;

use super::fault::fault;
use super::session::Session;
use crate::dialect;
use crate::job::ReadJob;
use crate::queue::Queue;
use crate::{Fault, Tx};

pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) queue: Arc<Queue<Box<dyn ReadJob>>>,
}

impl Reader {
    /// Serves the queue until it is closed and empty.
    pub(super) fn run(self) {
        while let Some(mut job) = self.queue.pop() {
            let outcome = self.read(&mut *job);
            job.answer(outcome);
        }
    }

    fn read(&self, job: &mut dyn ReadJob) -> Result<(), Fault> {
        // The snapshot is taken by the first statement, so after every commit that was answered before this job came.
        self.control("BEGIN")?;
        let mut tx = Tx::new(dialect::Session::Sqlite(Session::new(&self.connection)));
        let ran = job.run(&mut tx);
        let outcome = tx.into_refused().map_or(ran, Err);
        if !self.connection.is_autocommit() {
            self.control("ROLLBACK")?;
        }
        outcome
    }

    fn control(&self, statement: &'static str) -> Result<(), Fault> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut prepared| prepared.raw_execute())
            .map(drop)
            .map_err(|error| fault(statement, error))
    }
}
