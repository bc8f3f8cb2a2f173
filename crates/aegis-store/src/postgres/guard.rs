//! One process per database, for now: a session lock on a connection of its own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::link::{Address, Link};
use crate::Fault;
use crate::fault::Cause;
use crate::migrate::stable_hash;

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1)";

/// How often the connection that holds the lock is asked whether it lives. A lost lock is noticed after this at the latest.
const PULSE: Duration = Duration::from_secs(1);

/// How long an answer to that question may take.
const PULSE_ANSWER_MAX: Duration = Duration::from_secs(3);

/// How long `open` waits for a lock that is held: a server notices only after a moment that the last owner has gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process holds the database.
pub(super) struct Claim {
    state: Mutex<State>,
    closed: Condvar,
}

struct State {
    held: bool,
    closed: bool,
}

impl Claim {
    pub(super) fn new() -> Claim {
        Claim { state: Mutex::new(State { held: false, closed: false }), closed: Condvar::new() }
    }

    /// Refuses while the lock is lost: another process may have it.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.lock().held {
            return Ok(());
        }
        Err(Fault::Unavailable {
            what: "write",
            cause: Cause::text("the connection that holds the process lock is lost; taking it again"),
        })
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.closed.notify_all();
    }

    fn set(&self, held: bool) {
        self.lock().held = held;
    }

    /// Waits out `time`; `false` as soon as the store closes.
    fn sleep(&self, time: Duration) -> bool {
        let waited = self.closed.wait_timeout_while(self.lock(), time, |state| !state.closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the lock, reports how that went, and keeps it until the store closes.
pub(super) struct Guard {
    pub(super) address: Address,
    pub(super) claim: Arc<Claim>,
}

impl Guard {
    pub(super) fn run(self, opened: &mpsc::Sender<Result<(), Fault>>) {
        let mut link = match self.take_patiently() {
            Ok(link) => Some(link),
            Err(fault) => {
                drop(opened.send(Err(fault)));
                return;
            }
        };
        self.claim.set(true);
        drop(opened.send(Ok(())));
        while self.claim.sleep(PULSE) {
            let lives = link.as_mut().is_some_and(|link| link.client.is_valid(PULSE_ANSWER_MAX).is_ok());
            if lives {
                continue;
            }
            self.claim.set(false);
            drop(link.take());
            match self.take() {
                Ok(taken) => {
                    tracing::warn!("the process lock was lost and taken again");
                    link = Some(taken);
                    self.claim.set(true);
                }
                Err(fault) => {
                    tracing::error!(%fault, "the process lock is lost; writes are refused until it is back");
                }
            }
        }
    }

    fn take_patiently(&self) -> Result<Link, Fault> {
        let started = Instant::now();
        loop {
            match self.take() {
                Err(Fault::Locked { .. }) if started.elapsed() < PATIENCE => {
                    if !self.claim.sleep(Duration::from_millis(50)) {
                        return Err(Fault::closed());
                    }
                }
                taken => return taken,
            }
        }
    }

    fn take(&self) -> Result<Link, Fault> {
        let mut link = self.address.connect()?;
        let key = stable_hash(b"aegis process").cast_signed();
        let taken: Result<bool, postgres::Error> =
            link.client.query_one(TRY_LOCK, &[&key]).and_then(|row| row.try_get(0));
        match taken {
            Ok(true) => Ok(link),
            Ok(false) => Err(Fault::Locked {
                by: "another aegis process uses this PostgreSQL database; stop it first or choose another database"
                    .to_owned(),
            }),
            Err(error) => Err(super::fault::unreachable(&error)),
        }
    }
}
