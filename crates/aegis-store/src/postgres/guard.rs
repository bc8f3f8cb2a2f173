//! One process per database, for now: a session lock on a connection of its own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::link::{Address, Link};
use crate::Fault;
use crate::fault::Cause;
use crate::migrate::stable_hash;

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1)";

/// Counts the owners this database has had. Whoever finds its own number changed was not alone meanwhile.
const CREATE_OWNER: &str = "CREATE TABLE IF NOT EXISTS store_owner (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1), number BIGINT NOT NULL)";
const NEXT_OWNER: &str = "INSERT INTO store_owner (one, number) VALUES (1, 1)
    ON CONFLICT (one) DO UPDATE SET number = store_owner.number + 1 RETURNING number";
const LAST_OWNER: &str = "SELECT number FROM store_owner WHERE one = 1";

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
        let begun = self.take_patiently().and_then(|mut link| {
            let number = become_owner(&mut link)?;
            Ok((link, number))
        });
        let (mut link, number) = match begun {
            Ok((link, number)) => (Some(link), number),
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
                Ok(mut taken) => {
                    let last = last_owner(&mut taken);
                    if last.as_ref().is_ok_and(|last| *last != number) {
                        stop_because_not_alone();
                    }
                    tracing::warn!("the process lock was lost and taken again");
                    // Without an answer the next pulse asks again, still refusing writes.
                    self.claim.set(last.is_ok());
                    link = last.is_ok().then_some(taken);
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

fn become_owner(link: &mut Link) -> Result<i64, Fault> {
    link.client
        .batch_execute(CREATE_OWNER)
        .and_then(|()| link.client.query_one(NEXT_OWNER, &[])?.try_get(0))
        .map_err(|error| super::fault::unreachable(&error))
}

fn last_owner(link: &mut Link) -> Result<i64, postgres::Error> {
    link.client.query_one(LAST_OWNER, &[])?.try_get(0)
}

/// What this process keeps in memory (status, keys) may be stale: only a start that reads it anew is safe.
fn stop_because_not_alone() -> ! {
    tracing::error!("another aegis process used this database while the process lock was lost; stopping");
    std::process::abort()
}
