//! The product's leaf: a commitment to who did what to whom, when and how it ended, and to details that are
//! revealed only to those entitled to them.
//!
//! The log entry is the 32-byte SHA-256 of the commitment's canonical JSON, so that a leaf holds no personal
//! data; the details enter through a salted digest, so that they can be erased while the tree stands and
//! cannot be guessed from it. An [`Opening`] carries what is needed to go back from the leaf to the fact.

use std::fmt;

use aegis_core::canonical::{self, NotCanonical};
use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::{from_base64url_exact, to_base64url, to_hex};
use aegis_core::json::{self, Json};
use aegis_core::limits::JSON_DEPTH_MAX;
use aegis_core::time::Timestamp;
use serde::Serialize;

use crate::tree::leaf_hash;

/// Largest opening that is read.
pub const OPENING_BYTES_MAX: usize = 1 << 20;
/// Longest operation, actor, subject or outcome, in bytes.
pub const FIELD_BYTES_MAX: usize = 512;

/// What anyone who is shown a commitment may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// When it happened; committed in whole seconds.
    pub at: Timestamp,
    /// Name of the operation, such as `identity.issue`.
    pub op: String,
    /// Who acted: an id.
    pub actor: String,
    /// Whom or what it concerned: an id.
    pub subject: String,
    /// How it ended.
    pub outcome: String,
}

/// What one entry of the log commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The readable part.
    pub statement: Statement,
    /// SHA-256(salt ‖ JCS(details)).
    pub details_digest: Digest,
}

impl Commitment {
    /// The entry's bytes: SHA-256 of [`Commitment::to_json`].
    pub fn entry(&self) -> Digest {
        Digest::of(&[self.to_json().as_bytes()])
    }

    /// The leaf hash of the entry (RFC 6962).
    pub fn leaf_hash(&self) -> Digest {
        leaf_hash(self.entry().as_bytes())
    }

    /// The RFC 8785 form: members sorted by name.
    ///
    /// Written by hand because strings and the number 1 always have that form: no error to invent.
    pub fn to_json(&self) -> String {
        let Statement { at, op, actor, subject, outcome } = &self.statement;
        let (at, details_digest) = (at.to_rfc3339_seconds(), self.details_digest.to_string());
        let members: [(&str, &str); 6] = [
            ("actor", actor),
            ("at", &at),
            ("details_digest", &details_digest),
            ("op", op),
            ("outcome", outcome),
            ("subject", subject),
        ];
        let mut json = String::with_capacity(320);
        for (name, value) in members {
            json.push_str(if json.is_empty() { "{\"" } else { ",\"" });
            json.push_str(name);
            json.push_str("\":");
            push_string(&mut json, value);
        }
        json.push_str(",\"v\":1}");
        json
    }

    fn from_json(value: &Json<'_>) -> Option<Commitment> {
        let [at, op, actor, subject, outcome, digest, version] =
            exactly(value, ["at", "op", "actor", "subject", "outcome", "details_digest", "v"])?;
        let field =
            |value: &Json<'_>| value.as_str().filter(|text| text.len() <= FIELD_BYTES_MAX).map(str::to_owned);
        let statement = Statement {
            at: Timestamp::parse_seconds(at.as_str()?)?,
            op: field(op)?,
            actor: field(actor)?,
            subject: field(subject)?,
            outcome: field(outcome)?,
        };
        let details_digest = Digest::parse(digest.as_str()?)?;
        (*version == Json::Number("1")).then_some(Commitment { statement, details_digest })
    }
}

/// One string as RFC 8785 §3.2.2.2 writes it: the shortest escape for what must be escaped, nothing else.
fn push_string(json: &mut String, value: &str) {
    json.push('"');
    for character in value.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\t' => json.push_str("\\t"),
            '\n' => json.push_str("\\n"),
            '\u{c}' => json.push_str("\\f"),
            '\r' => json.push_str("\\r"),
            '\0'..='\u{1f}' => {
                json.push_str("\\u00");
                json.push_str(&to_hex(&[u8::try_from(character).unwrap_or_default()]));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
}

/// The values of `names`, if `value` is an object with exactly these members.
fn exactly<'j, 'a, const N: usize>(value: &'j Json<'a>, names: [&str; N]) -> Option<[&'j Json<'a>; N]> {
    if value.members()?.len() != N {
        return None;
    }
    let found: Option<Vec<&Json<'a>>> = names.iter().map(|name| value.get(name)).collect();
    found?.try_into().ok()
}

/// The salted digest that stands for details in a commitment: SHA-256(salt ‖ JCS(details)).
pub fn details_digest(salt: &[u8; 32], canonical_details: &[u8]) -> Digest {
    Digest::of(&[salt, canonical_details])
}

/// A commitment with the salt and details that open it. Always consistent: the digest is the details'.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    commitment: Commitment,
    salt: [u8; 32],
    /// RFC 8785 text.
    details: String,
}

/// Why an opening could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// The details have no canonical JSON form.
    #[error("the details have no canonical form")]
    Details(#[from] NotCanonical),
    /// A field of the statement or the whole is too long, the details are nested too deeply, or the instant
    /// is beyond the year 9999.
    #[error("the statement or the details are out of bounds")]
    Bounds,
}

/// Why an opening is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningRefused {
    /// Not the JSON of an opening, or beyond [`OPENING_BYTES_MAX`].
    #[error("not the JSON of a leaf opening")]
    Malformed,
    /// The details or the salt are not those committed to.
    #[error("the details are not those committed to")]
    Details,
    /// The commitment is not that of the leaf.
    #[error("the opening belongs to another leaf")]
    Leaf,
}

impl Opening {
    /// Commits to `statement` and `details` under a fresh random `salt`.
    ///
    /// # Errors
    /// [`NotCommitted::Details`] if `details` have no canonical JSON form; [`NotCommitted::Bounds`] for
    /// anything that [`Opening::parse`] would not read back: what is committed can be opened.
    pub fn commit<T: Serialize>(
        mut statement: Statement,
        salt: [u8; 32],
        details: &T,
    ) -> Result<Opening, NotCommitted> {
        let details = String::from_utf8(canonical::to_bytes(details)?).map_err(|_| NotCanonical)?;
        statement.at = statement.at.whole_second();
        let details_digest = details_digest(&salt, details.as_bytes());
        let opening = Opening { commitment: Commitment { statement, details_digest }, salt, details };
        let read_back = Opening::parse(opening.to_json().as_bytes());
        if read_back.as_ref() == Ok(&opening) { Ok(opening) } else { Err(NotCommitted::Bounds) }
    }

    /// Reads an opening in any JSON spelling, with exactly the members it must have, and checks that salt
    /// and details are those committed to.
    ///
    /// # Errors
    /// [`OpeningRefused::Malformed`] or [`OpeningRefused::Details`].
    pub fn parse(text: &[u8]) -> Result<Opening, OpeningRefused> {
        if text.len() > OPENING_BYTES_MAX {
            return Err(OpeningRefused::Malformed);
        }
        let value = json::parse(text, JSON_DEPTH_MAX).map_err(|_| OpeningRefused::Malformed)?;
        let [commitment, salt, details] =
            exactly(&value, ["commitment", "salt", "details"]).ok_or(OpeningRefused::Malformed)?;
        let commitment = Commitment::from_json(commitment).ok_or(OpeningRefused::Malformed)?;
        let salt = salt.as_str().and_then(from_base64url_exact::<32>).ok_or(OpeningRefused::Malformed)?;
        let details = canonical::to_bytes(details).map_err(|_| OpeningRefused::Malformed)?;
        if details_digest(&salt, &details) != commitment.details_digest {
            return Err(OpeningRefused::Details);
        }
        let details = String::from_utf8(details).map_err(|_| OpeningRefused::Malformed)?;
        Ok(Opening { commitment, salt, details })
    }

    /// The RFC 8785 form `{commitment, details, salt}`.
    pub fn to_json(&self) -> String {
        // Three members in canonical order; each part is canonical already.
        let (commitment, salt) = (self.commitment.to_json(), to_base64url(&self.salt));
        format!(r#"{{"commitment":{commitment},"details":{},"salt":"{salt}"}}"#, self.details)
    }

    /// Checks that this opening is that of the leaf with hash `leaf`.
    ///
    /// # Errors
    /// [`OpeningRefused::Leaf`] otherwise.
    pub fn check(&self, leaf: &Digest) -> Result<(), OpeningRefused> {
        if self.commitment.leaf_hash() == *leaf { Ok(()) } else { Err(OpeningRefused::Leaf) }
    }

    /// What is committed to.
    pub const fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// The 32 bytes that salt the details.
    pub const fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    /// The details as RFC 8785 text.
    pub fn details(&self) -> &str {
        &self.details
    }
}

/// Shows the commitment only: details and salt are for entitled readers.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("commitment", &self.commitment).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn statement() -> Statement {
        Statement {
            at: Timestamp::from_micros(1_778_277_600_999_999),
            op: "identity.issue".into(),
            actor: "op_acme_corp".into(),
            subject: "agent_0196".into(),
            outcome: "committed".into(),
        }
    }

    fn opening() -> Opening {
        Opening::commit(statement(), [9; 32], &json!({"b": 1.0, "a": ["é", "\u{1}"]})).unwrap()
    }

    /// The canonical form is written out once, by hand, as the contract describes it.
    #[test]
    fn form_is_the_contracts() {
        let opening = opening();
        let digest = Digest::of(&[&[9; 32], r#"{"a":["é","\u0001"],"b":1}"#.as_bytes()]);
        let expected = format!(
            r#"{{"actor":"op_acme_corp","at":"2026-05-08T22:00:00Z","details_digest":"{digest}","op":"identity.issue","outcome":"committed","subject":"agent_0196","v":1}}"#
        );
        assert_eq!(opening.commitment().to_json(), expected);
        assert_eq!(opening.commitment().entry(), Digest::of(&[expected.as_bytes()]));
        let leaf = Digest::of(&[&[0], opening.commitment().entry().as_bytes()]);
        assert_eq!(opening.check(&leaf), Ok(()));
        assert_eq!(opening.check(&Digest::ZERO), Err(OpeningRefused::Leaf));
        assert!(!format!("{opening:?}").contains("é"));
    }

    /// Reading back gives the same opening in any spelling; a changed, missing or added part is refused.
    #[test]
    fn reads_strictly() {
        let opening = opening();
        let text = opening.to_json();
        assert_eq!(canonical::to_bytes(&json::parse(text.as_bytes(), 64).unwrap()).unwrap(), text.as_bytes());
        assert_eq!(Opening::parse(text.as_bytes()), Ok(opening.clone()));
        let pretty: serde_json::Value = serde_json::from_str(&text).unwrap();
        let pretty = serde_json::to_vec_pretty(&pretty).unwrap();
        assert_eq!(Opening::parse(&pretty), Ok(opening));
        for (from, to, refused) in [
            (r#""b":1"#, r#""b":2"#, OpeningRefused::Details),
            ("CQkJ", "CQkK", OpeningRefused::Details),
            (r#""v":1"#, r#""v":2"#, OpeningRefused::Malformed),
            (r#""v":1"#, r#""v":1.0"#, OpeningRefused::Malformed),
            (r#""v":1"#, r#""v":1,"w":1"#, OpeningRefused::Malformed),
            (r#""op":"identity.issue","#, "", OpeningRefused::Malformed),
            ("22:00:00Z", "22:00:00.0Z", OpeningRefused::Malformed),
            (r#""details""#, r#""detail""#, OpeningRefused::Malformed),
        ] {
            assert!(text.contains(from), "{from}");
            assert_eq!(Opening::parse(text.replace(from, to).as_bytes()), Err(refused), "{to}");
        }
    }

    /// What could not be read back is not committed to.
    #[test]
    fn commits_only_to_what_can_be_opened() {
        let long = Statement { op: "x".repeat(FIELD_BYTES_MAX + 1), ..statement() };
        assert_eq!(Opening::commit(long, [0; 32], &json!({})), Err(NotCommitted::Bounds));
        let large = "x".repeat(OPENING_BYTES_MAX);
        assert_eq!(Opening::commit(statement(), [0; 32], &large), Err(NotCommitted::Bounds));
        let late = Statement { at: Timestamp::from_micros(i64::MAX), ..statement() };
        assert_eq!(Opening::commit(late, [0; 32], &json!({})), Err(NotCommitted::Bounds));
        let deep = (0..JSON_DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(Opening::commit(statement(), [0; 32], &deep), Err(NotCommitted::Bounds));
    }

    proptest! {
        /// Whatever the ids contain, our writer agrees with the general RFC 8785 writer.
        #[test]
        fn writes_canonical_json(op in "\\PC{0,20}|[\0-\u{7f}\u{2028}\u{1F600}]{0,20}") {
            let mut commitment = opening().commitment().clone();
            commitment.statement.op = op;
            let text = commitment.to_json();
            let value = json::parse(text.as_bytes(), 8).unwrap();
            prop_assert_eq!(canonical::to_bytes(&value).unwrap(), text.as_bytes());
            prop_assert_eq!(Commitment::from_json(&value), Some(commitment));
        }

        /// Arbitrary bytes, and arbitrary damage to a good opening, never panic and never open the leaf.
        #[test]
        fn parsing_is_total(noise in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, byte: u8) {
            prop_assert!(Opening::parse(&noise).is_err());
            let good = opening();
            let mut text = good.to_json().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(read) = Opening::parse(&text) {
                prop_assert!(read == good || read.check(&good.commitment().leaf_hash()).is_err());
            }
        }
    }
}
