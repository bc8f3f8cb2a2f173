//! A bounded queue between callers and the threads that own connections.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that may wait at once. Beyond it callers are told that the database is busy, so that memory and latency have a
/// bound: at the measured thousands of commits a second this is a few seconds of work.
pub(crate) const WAITING_JOBS_MAX: usize = 16_384;

/// Why a job was not taken; it is given back so that its caller can be answered.
pub(crate) enum NotQueued<T> {
    Full(T),
    Closed(T),
}

/// First in, first out; any number of threads on both ends.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

struct State<T> {
    jobs: VecDeque<T>,
    open: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue { state: Mutex::new(State { jobs: VecDeque::new(), open: true }), arrived: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code of a job runs under this lock, so a poisoned state is still a consistent one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job at the end.
    pub(crate) fn push(&self, job: T) -> Result<(), NotQueued<T>> {
        let mut state = self.lock();
        if !state.open {
            return Err(NotQueued::Closed(job));
        }
        if state.jobs.len() >= WAITING_JOBS_MAX {
            return Err(NotQueued::Full(job));
        }
        state.jobs.push_back(job);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Adds a job that was accepted earlier: neither the bound nor the closing of the queue refuses it.
    pub(crate) fn push_accepted(&self, job: T) {
        self.lock().jobs.push_back(job);
        self.arrived.notify_one();
    }

    /// Waits for a job. `None` once the queue is closed and empty: what was accepted before is still served.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if !state.open {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A job if one waits.
    pub(crate) fn try_pop(&self) -> Option<T> {
        self.lock().jobs.pop_front()
    }

    /// Accepts no further jobs and lets the waiting threads finish.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.arrived.notify_all();
    }
}
