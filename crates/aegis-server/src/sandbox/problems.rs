//! The statuses of this slice. No wildcard: a new refusal does not compile until it has one.

use super::ops::ClockRefused;
use crate::http::{Problem, Violation};

impl From<ClockRefused> for Problem {
    fn from(refused: ClockRefused) -> Problem {
        let violation = match refused {
            ClockRefused::Backwards => {
                Violation::new("/now", "forward", "The clock only moves forward; `now` lies in its past.")
            }
            ClockRefused::TooFar => {
                Violation::new("", "maximum", "The clock moves a thousand years in all, not more.")
            }
        };
        Problem::validation(vec![violation])
    }
}
