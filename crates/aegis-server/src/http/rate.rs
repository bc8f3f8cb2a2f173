//! The headers that tell a client where it stands with a limit.

use aegis_core::rate::Standing;
use axum::http::{HeaderName, HeaderValue};

/// The names of the headers [`rate_headers`] fills, in the same order.
pub const RATE_HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// The values of [`RATE_HEADERS`] for the limit called `policy`: the structured fields of the IETF draft,
/// and the older `X-` names many clients read. `t` and `-Reset` are seconds from now.
pub fn rate_headers(policy: &str, standing: &Standing) -> [HeaderValue; 5] {
    let (limit, seconds) = (standing.window.limit, standing.window.seconds);
    let (remaining, reset) = (standing.remaining, standing.reset_seconds);
    [
        text(&format!("\"{policy}\";q={limit};w={seconds}")),
        text(&format!("\"{policy}\";r={remaining};t={reset}")),
        HeaderValue::from(limit),
        HeaderValue::from(remaining),
        HeaderValue::from(reset),
    ]
}

/// Policy names are ours and ASCII, so the fallback is never taken.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}
