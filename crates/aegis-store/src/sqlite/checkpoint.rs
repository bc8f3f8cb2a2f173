//! Moves committed pages from the log to the database file, beside the writer, and keeps the log from growing for ever.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

/// Operations after which a checkpoint starts: the log stays within some megabytes, and its restart costs little.
const OPERATIONS_PER_CHECKPOINT: usize = 1_000;

/// A quiet database is checkpointed this long after a write.
const QUIET: Duration = Duration::from_secs(1);

/// Pages in the log (64 MiB) from which the writer is held back for a moment so that the log starts again from its beginning.
/// A writer that never pauses would otherwise never let it.
const LOG_PAGES_RESTART: i64 = 16_384;

/// Pages in the log (256 MiB) from which its file is also cut.
const LOG_PAGES_TRUNCATE: i64 = 65_536;

/// How long a restart may hold the writer back while it waits for readers.
const RESTART_WAIT: Duration = Duration::from_millis(250);

/// Tells the checkpointer that there is something to move.
pub(super) struct Wakeup {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    operations: usize,
    closed: bool,
}

impl Wakeup {
    pub(super) fn new() -> Wakeup {
        Wakeup { state: Mutex::new(State { operations: 0, closed: false }), changed: Condvar::new() }
    }

    /// Counts operations of one commit; wakes the other side only when it has a reason to look.
    pub(super) fn written(&self, operations: usize) {
        let mut state = self.lock();
        let before = state.operations;
        state.operations = before.saturating_add(operations);
        let crossed = before < OPERATIONS_PER_CHECKPOINT && state.operations >= OPERATIONS_PER_CHECKPOINT;
        drop(state);
        if before == 0 || crossed {
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits until a checkpoint is worth its price. `false` when the store closes.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        while state.operations == 0 && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let due = |state: &mut State| state.operations < OPERATIONS_PER_CHECKPOINT && !state.closed;
        let (mut state, _) =
            self.changed.wait_timeout_while(state, QUIET, due).unwrap_or_else(PoisonError::into_inner);
        state.operations = 0;
        !state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Checkpointer {
    pub(super) connection: Connection,
    pub(super) wakeup: std::sync::Arc<Wakeup>,
}

impl Checkpointer {
    /// Checkpoints whenever woken, and once more, completely, at the end.
    pub(super) fn run(self) {
        if let Err(error) = self.connection.busy_timeout(RESTART_WAIT) {
            tracing::warn!(%error, "could not bound the wait of a checkpoint");
        }
        while self.wakeup.wait() {
            let pages = self.checkpoint("PASSIVE");
            if pages >= LOG_PAGES_TRUNCATE {
                self.checkpoint("TRUNCATE");
            } else if pages >= LOG_PAGES_RESTART {
                self.checkpoint("RESTART");
            }
        }
        self.checkpoint("TRUNCATE");
    }

    /// Returns the length of the log in pages, 0 if it is not known.
    fn checkpoint(&self, mode: &'static str) -> i64 {
        let answer =
            self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1));
        answer.unwrap_or_else(|error| {
            // Nothing is lost: the log keeps what was committed, and the next checkpoint tries again.
            let fault = super::fault::fault("checkpoint", error);
            tracing::warn!(%fault, mode, "a checkpoint did not finish");
            0
        })
    }
}
