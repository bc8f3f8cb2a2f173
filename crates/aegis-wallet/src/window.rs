//! Spending windows: what was settled in the last day, week and month, and what is held beside it.
//!
//! Settled amounts are kept as a running total in the order of their event times, so that a window is the
//! difference of two totals however many payments lie in it. Event times never fall: see [`event_time`].

use aegis_core::closed_set;
use aegis_core::time::Timestamp;

use crate::usdc::Usdc;

closed_set! {
    /// The three lengths a policy limits.
    Window {
        /// 24 hours.
        Daily = "daily",
        /// 168 hours.
        Weekly = "weekly",
        /// 720 hours.
        Monthly = "monthly",
    }
}

impl Window {
    /// Its length. A settlement counts while it is younger than that.
    pub const fn seconds(self) -> i64 {
        match self {
            Window::Daily => 24 * 3_600,
            Window::Weekly => 168 * 3_600,
            Window::Monthly => 720 * 3_600,
        }
    }
}

/// One value for each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerWindow<T> {
    /// For 24 hours.
    pub daily: T,
    /// For 168 hours.
    pub weekly: T,
    /// For 720 hours.
    pub monthly: T,
}

impl<T: Copy> PerWindow<T> {
    /// The value of one window.
    pub const fn get(&self, window: Window) -> T {
        match window {
            Window::Daily => self.daily,
            Window::Weekly => self.weekly,
            Window::Monthly => self.monthly,
        }
    }

    /// Another value for each window.
    pub fn map<U>(&self, mut value: impl FnMut(Window, T) -> U) -> PerWindow<U> {
        PerWindow {
            daily: value(Window::Daily, self.daily),
            weekly: value(Window::Weekly, self.weekly),
            monthly: value(Window::Monthly, self.monthly),
        }
    }
}

/// The event time of a settlement: the later of its block's time and the moment it is recorded, and never
/// before the event recorded `last`, so that running totals stay in order. Later only means counted for longer.
pub fn event_time(block: Timestamp, recorded: Timestamp, last: Option<Timestamp>) -> Timestamp {
    let own = block.max(recorded);
    last.map_or(own, |last| own.max(last))
}

/// What an agent has spent and reserved, as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The instant it is judged at.
    pub at: Timestamp,
    /// Everything ever settled that counts, event times after `at` included: a clock that went back must free
    /// nothing.
    pub total: Usdc,
    /// The part of `total` whose event time is at or before `at` less the window's length.
    pub gone: PerWindow<Usdc>,
    /// All open holds, however old.
    pub held: Usdc,
}

/// How a window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The most that may be used and held together.
    pub limit: Usdc,
    /// Settled within the window.
    pub used: Usdc,
    /// Held.
    pub held: Usdc,
    /// What is still free; nothing if a lowered limit is already passed.
    pub left: Usdc,
}

impl Usage {
    /// Nothing spent, nothing held.
    pub fn none(at: Timestamp) -> Usage {
        Usage { at, total: Usdc::ZERO, gone: PerWindow::default(), held: Usdc::ZERO }
    }

    /// Settled within `window`.
    pub const fn used(&self, window: Window) -> Usdc {
        self.total.saturating_sub(self.gone.get(window))
    }

    /// How `window` stands under `limit`.
    pub const fn standing(&self, window: Window, limit: Usdc) -> Standing {
        let used = self.used(window);
        let left = limit.saturating_sub(used.saturating_add(self.held));
        Standing { limit, used, held: self.held, left }
    }

    /// Whether `charge` fits beside everything used and held. Exactly the limit fits.
    pub fn admits(&self, window: Window, limit: Usdc, charge: Usdc) -> bool {
        self.used(window).saturating_add(self.held).saturating_add(charge) <= limit
    }

    /// The same without one open hold: for judging the action again that placed it.
    #[must_use]
    pub const fn without(self, hold: Usdc) -> Usage {
        Usage { held: self.held.saturating_sub(hold), ..self }
    }

    /// The earliest instant at which `charge` fits `window` if all open holds settle now; nothing if it is above
    /// the limit itself. `reached` gives the event time of the settlement that brings the running total to at
    /// least so much.
    ///
    /// # Errors
    /// Those of `reached`.
    pub fn fits_at<E>(
        &self,
        window: Window,
        limit: Usdc,
        charge: Usdc,
        reached: &mut impl FnMut(Usdc) -> Result<Timestamp, E>,
    ) -> Result<Option<Timestamp>, E> {
        if charge > limit {
            return Ok(None);
        }
        let used = self.used(window);
        let must_go = used.saturating_add(self.held).saturating_add(charge).saturating_sub(limit);
        if must_go == Usdc::ZERO {
            return Ok(Some(self.at));
        }
        let last = if used == Usdc::ZERO {
            self.at
        } else {
            reached(self.gone.get(window).saturating_add(must_go.min(used)))?
        };
        // Settled now, an open hold stands behind every settlement there is.
        let last = if must_go > used { last.max(self.at) } else { last };
        Ok(Some(last.plus_seconds(window.seconds())))
    }

    /// When the oldest settlement of `window` leaves it; nothing where none is in it. `reached` is that of
    /// [`Usage::fits_at`].
    ///
    /// # Errors
    /// Those of `reached`.
    pub fn next_release<E>(
        &self,
        window: Window,
        reached: &mut impl FnMut(Usdc) -> Result<Timestamp, E>,
    ) -> Result<Option<Timestamp>, E> {
        const LEAST: Option<Usdc> = Usdc::from_micros(1);
        let Some(least) = LEAST.filter(|_| self.used(window) > Usdc::ZERO) else { return Ok(None) };
        let oldest = reached(self.gone.get(window).saturating_add(least))?;
        Ok(Some(oldest.plus_seconds(window.seconds())))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn micros(micros: u64) -> Usdc {
        Usdc::from_micros(micros).unwrap()
    }

    /// What the store does with its rows: sums up to an instant, and the first event that reaches a total.
    fn usage(events: &[(i64, u64)], now: i64, held: u64) -> Usage {
        let until =
            |end: i64| micros(events.iter().filter(|(time, _)| *time <= end).map(|(_, sum)| sum).sum());
        let gone = PerWindow::<()>::default().map(|window, ()| until(now - window.seconds()));
        Usage { at: at(now), total: until(i64::MAX), gone, held: micros(held) }
    }

    fn reached(events: &[(i64, u64)]) -> impl FnMut(Usdc) -> Result<Timestamp, Infallible> {
        move |wanted| {
            let mut total = 0;
            let found = events.iter().find(|(_, sum)| {
                total += sum;
                total >= wanted.micros()
            });
            Ok(at(found.unwrap().0))
        }
    }

    /// A settlement counts up to, and not at, the end of its window; one from the future counts.
    #[test]
    fn windows_are_half_open() {
        let events = [(0, 5), (10, 7)];
        assert_eq!(usage(&events, DAY - 1, 0).used(Window::Daily), micros(12));
        assert_eq!(usage(&events, DAY, 0).used(Window::Daily), micros(7));
        assert_eq!(usage(&events, DAY, 0).used(Window::Weekly), micros(12));
        assert_eq!(usage(&events, -DAY, 0).used(Window::Daily), micros(12), "a clock that went back");
        let release = usage(&events, 20, 0).next_release(Window::Daily, &mut reached(&events)).unwrap();
        assert_eq!(release, Some(at(DAY)));
        assert_eq!(usage(&[], 20, 0).next_release(Window::Daily, &mut reached(&[])), Ok(None));
    }

    /// Equal to the limit passes, and a hold counts as much as a settlement.
    #[test]
    fn limit_is_inclusive() {
        let usage = usage(&[(0, 5)], 10, 3);
        assert!(usage.admits(Window::Daily, micros(10), micros(2)));
        assert!(!usage.admits(Window::Daily, micros(10), micros(3)));
        assert!(usage.without(micros(3)).admits(Window::Daily, micros(10), micros(5)));
        let standing = usage.standing(Window::Daily, micros(10));
        assert_eq!((standing.used, standing.held, standing.left), (micros(5), micros(3), micros(2)));
        assert_eq!(usage.standing(Window::Daily, micros(1)).left, Usdc::ZERO);
    }

    /// Event times follow blocks, the recording and each other, whichever is latest.
    #[test]
    fn event_times_never_fall() {
        assert_eq!(event_time(at(5), at(9), None), at(9));
        assert_eq!(event_time(at(15), at(9), None), at(15));
        assert_eq!(event_time(at(5), at(9), Some(at(20))), at(20));
    }

    proptest! {
        /// The named instant is the first at which the amount fits, found again by trying every instant at which
        /// anything leaves a window, with the holds settled now.
        #[test]
        fn names_the_first_instant(
            mut events in prop::collection::vec((0_i64..3 * DAY, 1_u64..50), 0..20),
            now in 0_i64..3 * DAY, held in 0_u64..60, limit in 1_u64..200, charge in 0_u64..220,
        ) {
            events.sort_unstable();
            let (limit, charge) = (micros(limit), micros(charge));
            let usage = usage(&events, now, held);
            let named = usage.fits_at(Window::Daily, limit, charge, &mut reached(&events)).unwrap();
            let mut settled = events.clone();
            settled.push((events.last().map_or(now, |(last, _)| now.max(*last)), held));
            let mut tries: Vec<i64> = settled.iter().map(|(time, _)| time + DAY).chain([now]).collect();
            tries.sort_unstable();
            let fits = |time: &&i64| {
                self::usage(&settled, **time, 0).admits(Window::Daily, limit, charge)
            };
            let first = tries.iter().filter(|time| **time >= now).find(fits).map(|time| at(*time));
            prop_assert_eq!(named, first);
        }

        /// Invariant 17: a clock that goes back never shows more room than before.
        #[test]
        fn clock_back_frees_nothing(
            events in prop::collection::vec((0_i64..40 * DAY, 1_u64..50), 0..20),
            now in 0_i64..40 * DAY, back in 0_i64..40 * DAY,
        ) {
            for window in Window::ALL {
                let (before, after) = (usage(&events, now, 0), usage(&events, now - back, 0));
                prop_assert!(after.used(*window) >= before.used(*window));
            }
        }
    }
}
