//! Reading request bodies within bounds of size and time.

use std::time::Duration;

use aegis_core::limits::BODY_BYTES_MAX;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use utoipa_axum::router::OpenApiRouter;

use super::arrival::Arrival;
use super::problem::{Problem, ProblemCode, Violation};

/// How long a body may take when the edge has not said (routers called without one, in tests).
const TIME_DEFAULT: Duration = Duration::from_secs(30);

/// Bytes of a refused body that are read for the sake of the answer.
const DISCARDED_BYTES_MAX: usize = 16 << 20;

/// The largest body a route reads; in the request's extensions when it differs from the default.
#[derive(Debug, Clone, Copy)]
struct BytesMax(usize);

/// Gives every route of `router` another bound on its request body than [`BODY_BYTES_MAX`].
pub fn body_bytes_max<S>(router: OpenApiRouter<S>, max: usize) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    router.layer(axum::Extension(BytesMax(max)))
}

/// The whole body, within the route's bounds.
///
/// # Errors
/// `BODY_TOO_LARGE` beyond the bound, announced or not; `VALIDATION_ERROR` when the client is too slow or
/// breaks off.
pub async fn read(request: Request) -> Result<Bytes, Problem> {
    let extensions = request.extensions();
    let max = extensions.get::<BytesMax>().map_or(BODY_BYTES_MAX, |max| max.0);
    let time = extensions.get::<Arrival>().map_or(TIME_DEFAULT, |arrival| arrival.body_time);
    let refused_ahead = announced(request.headers()).is_some_and(|length| length > max as u64);
    if refused_ahead && request.headers().contains_key(header::EXPECT) {
        // The client asked first and has sent nothing yet.
        return Err(too_large(max));
    }
    let mut body = request.into_body();
    let reading = async {
        let outcome = if refused_ahead { Err(too_large(max)) } else { collect(&mut body, max).await };
        if outcome.is_err() {
            discard(&mut body).await;
        }
        outcome
    };
    match tokio::time::timeout(time, reading).await {
        Ok(outcome) => outcome,
        Err(_) => Err(unreadable("timeout", format!("The body did not arrive within {} s.", time.as_secs()))),
    }
}

/// Takes in the rest of a refused body, within reason: most clients read no answer before they have sent
/// everything, and would only see their connection break.
async fn discard(body: &mut Body) {
    let mut left = DISCARDED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(size) else { return };
        left = rest;
    }
}

async fn collect(body: &mut Body, max: usize) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| unreadable("truncated", "The body ended early.".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + whole.len() + data.len() > max {
            return Err(too_large(max));
        }
        // A body in one piece, the usual case, is passed on without copying.
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() { first } else { Bytes::from(whole) })
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// 413, naming the bound.
pub fn too_large(max: usize) -> Problem {
    Problem::new(ProblemCode::BodyTooLarge, format!("The body is larger than {max} bytes."))
        .with("max_bytes", max as u64)
}

fn unreadable(rule: &str, message: String) -> Problem {
    Problem::validation(vec![Violation::new("", rule, message)])
}

/// Whether a request says its body is JSON: `application/json`, in UTF-8 if a charset is named at all.
pub fn says_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    if value.as_bytes() == b"application/json" {
        return true;
    }
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    if !parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
        return false;
    }
    parts.filter(|parameter| !parameter.is_empty()).all(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    })
}

/// 415, naming what would be read.
pub fn unsupported(supported: &[&str]) -> Problem {
    Problem::new(
        ProblemCode::UnsupportedMediaType,
        format!("Send the body with Content-Type: {}.", supported.join(" or ")),
    )
    .with("supported", supported.to_vec())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn judged(content_type: &'static str) -> bool {
        says_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]))
    }

    /// JSON in UTF-8 under its own name, and nothing that merely resembles it.
    #[test]
    fn content_types() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json; charset=\"UTF-8\"",
            "application/json;",
        ] {
            assert!(judged(good), "{good}");
        }
        for bad in [
            "text/plain",
            "application/ld+json",
            "application/json; charset=latin1",
            "application/json; profile=x",
            "application/jsonp",
            "",
            "application/json, application/json",
        ] {
            assert!(!judged(bad), "{bad}");
        }
        assert!(!says_json(&HeaderMap::new()));
    }

    /// The bound counts what arrives, not only what is announced; pieces are joined.
    #[tokio::test]
    async fn bounds_streams() {
        let pieces = |sizes: &[usize]| Body::new(Pieces(sizes.to_vec()));
        assert_eq!(collect(&mut pieces(&[3, 4, 0, 3]), 10).await.unwrap().len(), 10);
        assert_eq!(collect(&mut pieces(&[8, 3]), 10).await.unwrap_err().code(), ProblemCode::BodyTooLarge);
    }

    /// A body that arrives in pieces of the given sizes.
    struct Pieces(Vec<usize>);

    impl axum::body::HttpBody for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            let piece = (!self.0.is_empty()).then(|| vec![b'x'; self.0.remove(0)]);
            std::task::Poll::Ready(piece.map(|piece| Ok(hyper::body::Frame::data(Bytes::from(piece)))))
        }
    }
}
