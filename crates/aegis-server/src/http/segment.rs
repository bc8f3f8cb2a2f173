//! Ids in paths. What is no id names nothing, so it is answered like an id nobody has: 404.

use aegis_core::id::{Id, IdKind};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::problem::Problem;

/// A value that can stand as one segment of a path.
pub trait FromSegment: Sized {
    /// Reads the percent-decoded segment; `None` if it names nothing of this kind.
    fn from_segment(text: &str) -> Option<Self>;
}

impl<K: IdKind> FromSegment for Id<K> {
    fn from_segment(text: &str) -> Option<Self> {
        Id::parse(text)
    }
}

impl FromSegment for String {
    fn from_segment(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromSegment for u64 {
    /// Decimal without sign or leading zeros, so that each number has one path.
    fn from_segment(text: &str) -> Option<Self> {
        let canonical = text == "0" || !text.starts_with(['0', '+']);
        if canonical { text.parse().ok() } else { None }
    }
}

impl FromSegment for u32 {
    /// As for `u64`.
    fn from_segment(text: &str) -> Option<Self> {
        u64::from_segment(text).and_then(|number| number.try_into().ok())
    }
}

/// The variable segments of the path, in order: `Segment(id): Segment<AgentId>` or
/// `Segment((agent, amendment)): Segment<(AgentId, AmendmentId)>`.
///
/// Named apart from axum's `Path` because the description macro gives that name a meaning our ids lack;
/// list the segments under `params(…)`.
#[derive(Debug, Clone, Copy)]
pub struct Segment<T>(pub T);

/// One or more segments read together.
pub trait FromSegments: Sized {
    /// Reads as many segments as the type has parts; `None` if one names nothing.
    fn from_segments<'a>(segments: impl Iterator<Item = &'a str>) -> Option<Self>;
}

impl<T: FromSegment> FromSegments for T {
    fn from_segments<'a>(mut segments: impl Iterator<Item = &'a str>) -> Option<Self> {
        T::from_segment(segments.next()?)
    }
}

impl<A: FromSegment, B: FromSegment> FromSegments for (A, B) {
    fn from_segments<'a>(mut segments: impl Iterator<Item = &'a str>) -> Option<Self> {
        Some((A::from_segment(segments.next()?)?, B::from_segment(segments.next()?)?))
    }
}

impl<A: FromSegment, B: FromSegment, C: FromSegment> FromSegments for (A, B, C) {
    fn from_segments<'a>(mut segments: impl Iterator<Item = &'a str>) -> Option<Self> {
        Some((
            A::from_segment(segments.next()?)?,
            B::from_segment(segments.next()?)?,
            C::from_segment(segments.next()?)?,
        ))
    }
}

impl<S: Send + Sync, T: FromSegments + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Fails on segments that are no UTF-8 once decoded: no id either.
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        T::from_segments(params.iter().map(|(_, value)| value)).map(Segment).ok_or_else(Problem::not_found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each number has exactly one spelling.
    #[test]
    fn numbers_are_canonical() {
        assert_eq!(u32::from_segment("17"), Some(17));
        assert_eq!(u64::from_segment("0"), Some(0));
        for bad in ["017", "+1", "-1", "", "4294967296", "1 "] {
            assert_eq!(u32::from_segment(bad), None, "{bad}");
        }
    }
}
