//! Canonical JSON bytes (RFC 8785, JCS) for signing and fingerprints.

use serde::Serialize;
use serde::ser::{Error as _, SerializeMap as _, SerializeSeq as _};

use crate::crypto::digest::Digest;
use crate::json::Json;

/// The value has no canonical form: a number beyond the range of a double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no canonical form: a number is beyond the range of an IEEE 754 double")]
pub struct NotCanonical;

/// The RFC 8785 bytes of `value`.
///
/// # Errors
/// [`NotCanonical`] for a number that is no double, or a map whose keys are no strings.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    serde_json_canonicalizer::to_vec(value).map_err(|_| NotCanonical)
}

/// SHA-256 of the RFC 8785 bytes of `value`.
///
/// # Errors
/// As [`to_bytes`].
pub fn digest<T: Serialize>(value: &T) -> Result<Digest, NotCanonical> {
    to_bytes(value).map(|bytes| Digest::of(&[&bytes]))
}

impl Serialize for Json<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(spelling) => {
                let number: serde_json::Number = spelling.parse().map_err(S::Error::custom)?;
                number.serialize(serializer)
            }
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(item)?;
                }
                sequence.end()
            }
            Json::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}
