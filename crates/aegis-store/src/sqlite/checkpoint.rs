//! Moves committed pages from the log to the database file, beside the writer, and keeps the log from growing for ever.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

/// Pages (16 MiB) that wait in the log before a checkpoint starts: pages written again and again are moved once, and reading
/// the log after a crash stays short.
const WAITING_PAGES: usize = 4_096;

/// A quiet database is checkpointed this long after a write.
const QUIET: Duration = Duration::from_secs(1);

/// Pages in the log (64 MiB) from which the writer is held back for a moment so that the log starts again from its beginning.
/// A writer that never pauses would otherwise never let it.
const LOG_PAGES_RESTART: usize = 16_384;

/// Pages in the log (256 MiB) from which its file is also cut.
const LOG_PAGES_TRUNCATE: usize = 65_536;

/// How long a restart may hold the writer back while it waits for readers. A reader that takes longer than this postpones it.
const RESTART_WAIT: Duration = Duration::from_millis(20);

/// Tells the checkpointer that there is something to move.
pub(super) struct Wakeup {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Pages in the log after the last commit.
    logged: usize,
    /// Pages that were in the log at the last checkpoint.
    seen: usize,
    /// Readers kept that checkpoint from moving all of them.
    unfinished: bool,
    closed: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.logged.saturating_sub(self.seen)
    }
}

impl Wakeup {
    pub(super) fn new() -> Wakeup {
        Wakeup {
            state: Mutex::new(State { logged: 0, seen: 0, unfinished: false, closed: false }),
            changed: Condvar::new(),
        }
    }

    /// Notes the length of the log after a commit; wakes the other side only when it has a reason to look.
    pub(super) fn logged(&self, pages: usize) {
        let mut state = self.lock();
        if pages < state.logged {
            // The log has started again from its beginning.
            state.seen = 0;
        }
        let before = state.waiting();
        state.logged = pages;
        let after = state.waiting();
        drop(state);
        if before == 0 || (before < WAITING_PAGES && after >= WAITING_PAGES) {
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
        while state.waiting() == 0 && !state.unfinished && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let wait_on = |state: &mut State| state.waiting() < WAITING_PAGES && !state.closed;
        let waited = self.changed.wait_timeout_while(state, QUIET, wait_on);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Notes what a checkpoint found and did. `None` if it failed.
    fn checkpointed(&self, log: Option<Log>) {
        let mut state = self.lock();
        let pages = log.map_or(state.logged, |log| log.pages);
        // Otherwise the log has started again since, and nothing of it was seen.
        state.seen = if pages <= state.logged { pages } else { 0 };
        state.unfinished = log.is_none_or(|log| log.moved < log.pages);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What SQLite says about its log after a checkpoint.
#[derive(Clone, Copy)]
struct Log {
    pages: usize,
    moved: usize,
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
            let log = self.checkpoint("PASSIVE");
            self.wakeup.checkpointed(log);
            let pages = log.map_or(0, |log| log.pages);
            if pages >= LOG_PAGES_TRUNCATE {
                self.checkpoint("TRUNCATE");
            } else if pages >= LOG_PAGES_RESTART {
                self.checkpoint("RESTART");
            }
        }
        self.checkpoint("TRUNCATE");
    }

    fn checkpoint(&self, mode: &'static str) -> Option<Log> {
        let answer = self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        answer
            // Nothing is lost: the log keeps what was committed, and a later checkpoint tries again.
            .map_err(|error| super::fault::fault("checkpoint", error))
            .inspect_err(|fault| tracing::warn!(%fault, mode, "a checkpoint did not finish"))
            .ok()
            // SQLite says -1 where it could not even look.
            .and_then(|(pages, moved)| {
                Some(Log { pages: usize::try_from(pages).ok()?, moved: usize::try_from(moved).ok()? })
            })
    }
}
