//! Every numeric bound that more than one crate relies on, with its reason.

/// Bytes of a request body, uploads and batches apart: the largest honest request is far below.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Containers a request may nest; deeper input only costs stack.
pub const JSON_DEPTH_MAX: usize = 64;
/// Objects of one page, and the default.
pub const PAGE_MAX: u32 = 200;
/// Objects of a page when the caller does not say.
pub const PAGE_DEFAULT: u32 = 50;
/// How long an idempotency record answers replays.
pub const IDEMPOTENCY_SECONDS: i64 = 86_400;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;
/// Lifetime of a bearer token minted from an API key.
pub const TOKEN_SECONDS: i64 = 900;
/// Clock difference between parties that is tolerated where the contracts say so.
pub const SKEW_SECONDS: i64 = 60;
/// The clock may lie this far behind the last log entry before writes stop.
pub const CLOCK_BEHIND_SECONDS_MAX: i64 = 5;
