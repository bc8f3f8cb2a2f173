//! The only place that reads a clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aegis_core::time::Timestamp;

/// Where *now* comes from.
#[derive(Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// The sandbox's: the operating system's, moved forward by so many microseconds.
    Shifted(AtomicI64),
    /// Set by hand, in tests.
    Manual(AtomicI64),
}

impl Clock {
    /// The sandbox clock, starting `micros` ahead of the system's.
    pub fn shifted(micros: i64) -> Clock {
        Clock::Shifted(AtomicI64::new(micros))
    }

    /// A clock that stands still at `now` until moved.
    pub fn manual(now: Timestamp) -> Clock {
        Clock::Manual(AtomicI64::new(now.as_micros()))
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => system_now(),
            Clock::Shifted(shift) => {
                Timestamp::from_micros(system_now().as_micros().saturating_add(shift.load(Ordering::SeqCst)))
            }
            Clock::Manual(now) => Timestamp::from_micros(now.load(Ordering::SeqCst)),
        }
    }

    /// Moves the clock forward; the system's own cannot be moved. Returns the shift in microseconds to be
    /// remembered (zero for a clock that keeps none).
    pub fn advance(&self, micros: i64) -> i64 {
        let forward = micros.max(0);
        match self {
            Clock::System => 0,
            Clock::Shifted(cell) | Clock::Manual(cell) => {
                cell.fetch_add(forward, Ordering::SeqCst).saturating_add(forward)
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_now() -> Timestamp {
    // A clock before 1970 reads as the epoch: writes then stop with CLOCK_UNSAFE.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
