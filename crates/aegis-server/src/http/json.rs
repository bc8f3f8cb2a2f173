//! JSON request bodies: one declaration of a type gives its description, its checks and its reader.

use aegis_core::canonical;
use aegis_core::crypto::digest::Digest;
use aegis_core::json::{self, Rule};
use aegis_core::limits::JSON_DEPTH_MAX;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::problem::{Problem, Violation};
use super::schema::Rules;

/// Values of one body that is checked against a schema. Honest requests have a few dozen; a megabyte of
/// `[[],[],…]` would otherwise cost tens of megabytes of memory.
const VALUES_MAX: usize = 50_000;

/// A JSON body that satisfies `T`'s schema, and the SHA-256 of its RFC 8785 form: the part of an
/// idempotency fingerprint that the body contributes.
///
/// Declare `T` with `Deserialize`, `ToSchema` and `#[serde(deny_unknown_fields)]`; bounds and patterns go
/// into `#[schema(…)]`, and a pattern's field deserves a doc comment or an `example`, because these words
/// are what a caller reads when it does not match.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T, pub Digest);

/// Like [`Json`], for endpoints whose body may be empty: nothing at all is read as `{}`, and a body needs no
/// `Content-Type`.
#[derive(Debug, Clone)]
pub struct OptionalJson<T>(pub T, pub Digest);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema + 'static,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !body::says_json(request.headers()) {
            return Err(body::unsupported(&["application/json"]));
        }
        let bytes = body::read(request).await?;
        parse(&bytes).map(|(value, digest)| Json(value, digest))
    }
}

impl<S, T> FromRequest<S> for OptionalJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema + 'static,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let named = request.headers().contains_key(header::CONTENT_TYPE);
        let json = body::says_json(request.headers());
        let bytes = body::read(request).await?;
        if named && !json && !bytes.is_empty() {
            return Err(body::unsupported(&["application/json"]));
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        parse(text).map(|(value, digest)| OptionalJson(value, digest))
    }
}

/// Reads bytes as a `T`: strictly as JSON, then against `T`'s schema, then into the type.
///
/// # Errors
/// `VALIDATION_ERROR` with the first broken rule of the JSON text, else with every broken rule of the
/// schema.
pub fn parse<T>(bytes: &[u8]) -> Result<(T, Digest), Problem>
where
    T: DeserializeOwned + ToSchema + 'static,
{
    let text = read_text(bytes)?;
    let value = to_value(&text)?;
    let violations = Rules::of::<T>()?.check(&value);
    if !violations.is_empty() {
        return Err(Problem::validation(violations));
    }
    let digest = canonical::digest(&text).map_err(|_| not_a_double(String::new()))?;
    Ok((into_type(value)?, digest))
}

/// Reads bytes strictly as JSON within the common bounds, for bodies that no schema describes fully.
///
/// # Errors
/// `VALIDATION_ERROR` with the broken rule and its place.
pub fn read_text(bytes: &[u8]) -> Result<json::Json<'_>, Problem> {
    json::parse(bytes, JSON_DEPTH_MAX).map_err(|error| {
        let (rule, message) = match error.rule {
            Rule::Encoding => ("encoding", "The body is not valid UTF-8"),
            Rule::Truncated => ("syntax", "The JSON text ends too early"),
            Rule::Syntax => ("syntax", "The body is not valid JSON: unexpected character"),
            Rule::Trailing => ("trailing", "There is something after the JSON value"),
            Rule::Duplicate => ("duplicate", "The same field occurs twice"),
            Rule::Depth => ("depth", "The JSON text is nested too deeply (64 levels at most)"),
            Rule::Surrogate => ("encoding", "A string contains half of a surrogate pair"),
        };
        let message = format!("{message} (at byte {}).", error.offset);
        Problem::validation(vec![Violation::new(error.pointer, rule, message)])
    })
}

/// The last step, which cannot fail where schema and type agree; where they do not (a number beyond the
/// Rust type, say) the caller still gets the place.
pub(crate) fn into_type<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = error.path().iter().fold(String::new(), |pointer, step| {
            use serde_path_to_error::Segment;
            match step {
                Segment::Seq { index } => format!("{pointer}/{index}"),
                Segment::Map { key } => format!("{pointer}/{}", json::escape_pointer(key)),
                Segment::Enum { .. } | Segment::Unknown => pointer,
            }
        });
        let name = super::violations::label(&pointer);
        let message = format!("{name} is not a value that can be used here.");
        Problem::validation(vec![Violation::new(pointer, "value", message)])
    })
}

fn to_value(text: &json::Json<'_>) -> Result<Value, Problem> {
    if count(text) > VALUES_MAX {
        let message = format!("The body has more than {VALUES_MAX} values.");
        return Err(Problem::validation(vec![Violation::new("", "count", message)]));
    }
    text.to_value().ok_or_else(|| not_a_double(unrepresentable(text).unwrap_or_default()))
}

fn not_a_double(pointer: String) -> Problem {
    let message = "A number is beyond the range of a double.";
    Problem::validation(vec![Violation::new(pointer, "number", message)])
}

fn count(value: &json::Json<'_>) -> usize {
    let inner: usize = match value {
        json::Json::Array(items) => items.iter().map(count).sum(),
        json::Json::Object(members) => members.iter().map(|(_, value)| count(value)).sum(),
        json::Json::Null | json::Json::Bool(_) | json::Json::Number(_) | json::Json::String(_) => 0,
    };
    inner + 1
}

/// Pointer to the first number that no double can hold.
fn unrepresentable(value: &json::Json<'_>) -> Option<String> {
    match value {
        json::Json::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| Some(format!("/{index}{}", unrepresentable(item)?))),
        json::Json::Object(members) => members.iter().find_map(|(name, value)| {
            Some(format!("/{}{}", json::escape_pointer(name), unrepresentable(value)?))
        }),
        json::Json::Number(_) => value.to_value().is_none().then(String::new),
        json::Json::Null | json::Json::Bool(_) | json::Json::String(_) => None,
    }
}

#[cfg(test)]
mod tests;
