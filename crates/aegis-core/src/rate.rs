//! Exact sliding windows as arithmetic: at most `limit` events in any interval of `window_seconds`.

use crate::time::{SECOND, Timestamp};

/// A limit: how many events in which window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Events allowed.
    pub limit: u32,
    /// Length of the window in seconds.
    pub seconds: u32,
}

/// What a window says about one more event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The limit that was applied.
    pub window: Window,
    /// Events still allowed now (after this one, if it was admitted).
    pub remaining: u32,
    /// Seconds, rounded up, until one more event would be allowed, or until the window is empty of the
    /// oldest event when some are left.
    pub reset_seconds: u32,
    /// Whether this event is within the limit.
    pub admitted: bool,
}

impl Window {
    /// Events at or before this instant no longer count at `now`.
    pub fn start(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(-i64::from(self.seconds))
    }

    /// Judges one more event at `now`, given how many fall in the window and the instant of the event that
    /// has to leave the window before another is admitted (the oldest one, when below the limit).
    pub fn judge(&self, now: Timestamp, count: u32, blocking: Option<Timestamp>) -> Standing {
        let admitted = count < self.limit;
        let remaining = self.limit.saturating_sub(count).saturating_sub(u32::from(admitted));
        let leaves_at = blocking.unwrap_or(now).plus_seconds(i64::from(self.seconds));
        let micros = leaves_at.as_micros().saturating_sub(now.as_micros()).max(0);
        let reset = micros.saturating_add(SECOND - 1) / SECOND;
        Standing {
            window: *self,
            remaining,
            reset_seconds: u32::try_from(reset).unwrap_or(u32::MAX).clamp(1, self.seconds.max(1)),
            admitted,
        }
    }
}
