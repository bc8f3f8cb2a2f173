//! The statuses of this slice. No wildcard: a new refusal does not compile until it has one.

use super::ops::WebhookRefused;
use crate::http::{Problem, ProblemCode};

impl From<WebhookRefused> for Problem {
    fn from(refused: WebhookRefused) -> Problem {
        match refused {
            WebhookRefused::Unknown => Problem::not_found(),
            WebhookRefused::TooMany(count) => {
                let detail =
                    format!("Your organization has {count} endpoints; delete one that is no longer used.");
                Problem::new(ProblemCode::StateConflict, detail).with("count", count)
            }
            WebhookRefused::Disabled => Problem::new(
                ProblemCode::StateConflict,
                "The endpoint is disabled; enable it first (PATCH `enabled: true`).",
            ),
            WebhookRefused::EventUnknown => Problem::new(
                ProblemCode::DeltaGone,
                "The event to go on from is not one of yours, or no longer kept; begin without it.",
            ),
            WebhookRefused::TooManyStreams => Problem::new(
                ProblemCode::Unavailable,
                "Too many streams are open; close one, or poll GET /v1/events.",
            )
            .retry_after(10),
        }
    }
}
