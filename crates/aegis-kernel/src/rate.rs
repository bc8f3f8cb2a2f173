//! Where rate windows are kept: in memory for ordinary classes, as rows for those counted by an operation.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use aegis_core::rate::{Standing, Window};
use aegis_core::time::Timestamp;
use aegis_store::{Fault, Tx};

use crate::sql;

/// A class of requests that share a limit per caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateClass {
    /// Name in buckets, headers and metrics.
    pub name: &'static str,
    /// The limit.
    pub window: Window,
}

impl RateClass {
    /// `limit` requests in any `seconds` seconds.
    pub const fn new(name: &'static str, limit: u32, seconds: u32) -> RateClass {
        RateClass { name, window: Window { limit, seconds } }
    }

    /// No limit: nothing is counted.
    pub const UNLIMITED: RateClass = RateClass::new("unlimited", u32::MAX, 1);
}

/// Sliding windows of this process. Exact while one process serves the database.
#[derive(Debug, Default)]
pub struct Windows(Mutex<HashMap<(&'static str, String), VecDeque<Timestamp>>>);

/// Buckets held before idle ones are dropped.
const BUCKETS_SWEPT_AT: usize = 10_000;

impl Windows {
    /// Counts one event of `subject` in `class` if it is within the limit.
    pub fn take(&self, class: RateClass, subject: &str, now: Timestamp) -> Standing {
        self.judge(class, subject, now, true)
    }

    /// How one more event of `subject` in `class` would stand, without counting it.
    pub fn peek(&self, class: RateClass, subject: &str, now: Timestamp) -> Standing {
        self.judge(class, subject, now, false)
    }

    fn judge(&self, class: RateClass, subject: &str, now: Timestamp, counted: bool) -> Standing {
        if class == RateClass::UNLIMITED {
            return class.window.judge(now, 0, None);
        }
        let mut buckets = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() > BUCKETS_SWEPT_AT {
            let start = class.window.start(now);
            buckets.retain(|_, hits| hits.back().is_some_and(|last| *last > start));
        }
        let hits = buckets.entry((class.name, subject.to_owned())).or_default();
        let start = class.window.start(now);
        while hits.front().is_some_and(|oldest| *oldest <= start) {
            hits.pop_front();
        }
        let count = u32::try_from(hits.len()).unwrap_or(u32::MAX);
        let standing = class.window.judge(now, count, hits.front().copied());
        if standing.admitted && counted {
            hits.push_back(now);
        }
        standing
    }

    /// Forgets all windows (sandbox).
    pub fn reset(&self) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}

/// What the rows say about one more event, without counting it. The caller holds the bucket's lane.
///
/// # Errors
/// Faults of the store.
pub fn standing(tx: &mut Tx<'_>, bucket: &str, window: Window, now: Timestamp) -> Result<Standing, Fault> {
    let Some((newest, _)) = sql::newest_hit(tx, bucket)? else {
        return Ok(window.judge(now, 0, None));
    };
    let Some((oldest, oldest_at)) = sql::oldest_hit_after(tx, bucket, window.start(now))? else {
        return Ok(window.judge(now, 0, None));
    };
    // seq is dense within a bucket, so the distance is the count.
    let count = u32::try_from(newest - oldest + 1).unwrap_or(u32::MAX);
    let blocking = if count > window.limit {
        // The limit was lowered: events beyond it have to leave as well.
        sql::hit_at(tx, bucket, newest - i64::from(window.limit) + 1)?.unwrap_or(oldest_at)
    } else {
        oldest_at
    };
    Ok(window.judge(now, count, Some(blocking)))
}

/// Counts one event, inside the operation that it belongs to.
///
/// # Errors
/// Faults of the store.
pub fn record(tx: &mut Tx<'_>, bucket: &str, now: Timestamp) -> Result<(), Fault> {
    let seq = sql::newest_hit(tx, bucket)?.map_or(1, |(seq, _)| seq + 1);
    sql::insert_hit(tx, bucket, seq, now)
}

/// Forgets all counted events (sandbox).
///
/// # Errors
/// Faults of the store.
pub fn reset(tx: &mut Tx<'_>) -> Result<(), Fault> {
    sql::delete_hits(tx)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exactly the limit is admitted in any window, and the window slides by single events.
    #[test]
    fn window_slides_exactly() {
        let windows = Windows::default();
        let class = RateClass::new("test", 2, 10);
        let at = Timestamp::from_seconds;
        assert!(windows.take(class, "a", at(0)).admitted);
        assert!(windows.take(class, "a", at(5)).admitted);
        let refused = windows.take(class, "a", at(9));
        assert!(!refused.admitted);
        assert_eq!((refused.remaining, refused.reset_seconds), (0, 1));
        assert!(windows.take(class, "b", at(9)).admitted, "other subjects have their own window");
        assert!(windows.take(class, "a", at(10)).admitted);
        assert!(!windows.take(class, "a", at(14)).admitted);
        assert!(windows.take(class, "a", at(15)).admitted);
    }
}
