//! Instants. No clock: where they come from is the kernel's business.

use std::fmt;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Microseconds of one second.
pub const SECOND: i64 = 1_000_000;

impl Timestamp {
    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// The instant `seconds` seconds after the epoch, saturating.
    pub const fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(SECOND))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The same instant without its fraction of a second.
    #[must_use]
    pub const fn whole_second(self) -> Timestamp {
        Timestamp::from_seconds(self.as_seconds())
    }

    /// This instant moved by `seconds` (negative: earlier), saturating.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }

    /// Seconds from `earlier` to `self`, rounded down; negative when `self` comes first.
    pub const fn seconds_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(SECOND)
    }

    /// `2026-05-08T22:00:00Z`: RFC 3339, UTC, whole seconds (the Identity form).
    pub fn to_rfc3339_seconds(self) -> String {
        self.text().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `2026-05-08T22:00:00.000Z`: RFC 3339, UTC, milliseconds (the Actions and Exchange form).
    pub fn to_rfc3339_millis(self) -> String {
        format!("{}.{:03}Z", self.text().strftime("%Y-%m-%dT%H:%M:%S"), self.0.rem_euclid(SECOND) / 1000)
    }

    fn text(self) -> jiff::Timestamp {
        // Out of jiff's range (year ±9999) only for an instant no document or row can hold.
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// Parses exactly `YYYY-MM-DDThh:mm:ssZ`, an existing instant without leap second.
    pub fn parse_seconds(text: &str) -> Option<Timestamp> {
        let b: &[u8; 20] = text.as_bytes().try_into().ok()?;
        let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, b'Z'] = *b
        else {
            return None;
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_i64, |value, digit| {
                digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
            })
        };
        let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
        let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
        let valid = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        valid.then(|| {
            let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
            Timestamp::from_seconds(seconds)
        })
    }

    /// Parses any RFC 3339 date-time (offset or `Z`, optional fraction up to nanoseconds, cut to
    /// microseconds).
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        // jiff also reads other ISO 8601 shapes; RFC 3339 wants the `T` and a full time with offset.
        let shape = text.as_bytes();
        let plain = shape.get(10).is_some_and(|c| c.eq_ignore_ascii_case(&b't'))
            && text.len() >= 20
            && text.is_ascii();
        let zone = shape.last().is_some_and(|c| c.eq_ignore_ascii_case(&b'z'))
            || shape.get(text.len().wrapping_sub(3)) == Some(&b':');
        if !plain || !zone || text.contains('[') {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(|instant| Timestamp(instant.as_microsecond()))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, for years 0–9999.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and the epoch.
    year * 365 + leap_days + (month_from_march * 153 + 2) / 5 + day - 1 - 719_468
}

/// Writes the whole-second form.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339_seconds())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The contract's example instant, both ways, and near misses.
    #[test]
    fn parses_only_the_exact_form() {
        let text = "2026-05-08T22:00:00Z";
        let instant = Timestamp::parse_seconds(text).unwrap();
        assert_eq!(instant.as_seconds(), 1_778_277_600);
        assert_eq!(instant.to_string(), text);
        assert_eq!(instant.to_rfc3339_millis(), "2026-05-08T22:00:00.000Z");
        for bad in [
            "2026-05-08T22:00:60Z",
            "2026-02-29T00:00:00Z",
            "2026-05-08t22:00:00Z",
            "2026-05-08T22:00:00.0Z",
            "2026-05-08T24:00:00Z",
            "2026-13-08T22:00:00Z",
            "2026-05-08T22:00:00+00:00",
            "2026-00-08T22:00:00Z",
            "",
        ] {
            assert_eq!(Timestamp::parse_seconds(bad), None, "{bad}");
        }
        assert!(Timestamp::parse_seconds("2024-02-29T00:00:00Z").is_some());
    }

    /// The lenient reader takes RFC 3339 and nothing else of ISO 8601.
    #[test]
    fn reads_rfc3339() {
        let instant = Timestamp::parse_rfc3339("2026-05-08T22:00:00.123456Z").unwrap();
        assert_eq!(instant.as_micros(), 1_778_277_600_123_456);
        assert_eq!(
            Timestamp::parse_rfc3339("2026-05-09T00:00:00+02:00"),
            Timestamp::parse_seconds("2026-05-08T22:00:00Z")
        );
        for bad in
            ["2026-05-08", "2026-05-08T22Z", "2026-05-08 22:00:00Z", "yesterday", "2026-05-08T22:00:00", "é"]
        {
            assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
        }
    }

    proptest! {
        /// Our calendar agrees with jiff's for every second of years 0000–9999.
        #[test]
        fn agrees_with_jiff(seconds in -62_167_219_200_i64..253_402_207_200) {
            let instant = Timestamp::from_seconds(seconds);
            prop_assert_eq!(Timestamp::parse_seconds(&instant.to_string()), Some(instant));
        }
    }
}
