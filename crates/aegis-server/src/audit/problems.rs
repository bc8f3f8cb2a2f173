//! The statuses of this slice. No wildcard: a new refusal does not compile until it has one.

use super::queries::LogRefused;
use crate::http::{Problem, ProblemCode, Violation};

impl From<LogRefused> for Problem {
    fn from(refused: LogRefused) -> Problem {
        match refused {
            LogRefused::Unknown => Problem::not_found(),
            LogRefused::NotYet => Problem::new(
                ProblemCode::Unavailable,
                "The log has not integrated this yet; it takes a second at most.",
            )
            .retry_after(1),
            LogRefused::Reversed => {
                let message = "`from` must not be larger than `to`.";
                Problem::validation(vec![Violation::new("/from", "order", message)])
            }
        }
    }
}
