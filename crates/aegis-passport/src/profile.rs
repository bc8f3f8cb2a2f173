//! The document profile: printable ASCII strings, integers 0…2^53 − 1, no null.
//!
//! Inside this profile sorting names as bytes and writing no whitespace *is* RFC 8785, in any language and
//! with any JSON library. Checking and writing are one pass here, because a passport is checked on every
//! agent action.

use std::ops::Range;

use aegis_core::json::{Json, Member};

use crate::fields::{Flaw, Malformed};

/// Bytes of a document's canonical form at most.
pub const CANONICAL_BYTES_MAX: usize = 64 * 1024;
/// Containers a document may nest, itself included.
pub const DEPTH_MAX: usize = 32;
/// The largest integer every JSON library keeps exactly.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The RFC 8785 bytes of a value inside the profile.
///
/// # Errors
/// [`Malformed`] naming the first place outside the profile.
pub fn canonical(value: &Json<'_>) -> Result<Vec<u8>, Malformed> {
    let mut writer = Writer { out: Vec::with_capacity(1536), depth_left: DEPTH_MAX };
    writer.value(value)?;
    if writer.out.len() > CANONICAL_BYTES_MAX {
        return Err(Malformed::at("", Flaw::TooLarge));
    }
    Ok(writer.out)
}

/// As [`canonical`] for an object, with the place of two of its members in the bytes. A place includes the
/// comma that follows, so that cutting it out leaves the canonical form of the object without the member;
/// that needs another member after it, else the place is empty.
pub(crate) fn canonical_with_places(
    value: &Json<'_>,
    names: [&str; 2],
) -> Result<(Vec<u8>, [Range<usize>; 2]), Malformed> {
    let members = value.members().ok_or_else(|| Malformed::at("", Flaw::Form("an object")))?;
    let mut writer = Writer { out: Vec::with_capacity(1536), depth_left: DEPTH_MAX };
    let mut places = [0..0, 0..0];
    writer.object(members, |name, place| {
        for (wanted, found) in names.iter().zip(&mut places) {
            if *wanted == name {
                *found = place.clone();
            }
        }
    })?;
    if writer.out.len() > CANONICAL_BYTES_MAX {
        return Err(Malformed::at("", Flaw::TooLarge));
    }
    Ok((writer.out, places))
}

/// The value of a number spelled without sign, fraction or exponent, at most [`INTEGER_MAX`].
pub(crate) fn integer(spelling: &str) -> Option<u64> {
    let digits = spelling.len() <= 16 && spelling.bytes().all(|b| b.is_ascii_digit());
    let value: u64 = if digits { spelling.parse().ok()? } else { return None };
    (value <= INTEGER_MAX).then_some(value)
}

struct Writer {
    out: Vec<u8>,
    depth_left: usize,
}

impl Writer {
    fn value(&mut self, value: &Json<'_>) -> Result<(), Malformed> {
        match value {
            Json::Null => return Err(Malformed::at("", Flaw::Null)),
            Json::Bool(true) => self.out.extend_from_slice(b"true"),
            Json::Bool(false) => self.out.extend_from_slice(b"false"),
            Json::Number(spelling) => {
                integer(spelling).ok_or_else(|| Malformed::at("", Flaw::NotProfileNumber))?;
                self.out.extend_from_slice(spelling.as_bytes());
            }
            Json::String(text) => self.string(text)?,
            Json::Array(items) => self.array(items)?,
            Json::Object(members) => self.object(members, |_, _| ())?,
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Malformed> {
        if !crate::text::is_printable(text) {
            return Err(Malformed::at("", Flaw::NotPrintable));
        }
        write_string(&mut self.out, text);
        Ok(())
    }

    fn descend(&mut self) -> Result<(), Malformed> {
        let left = self.depth_left.checked_sub(1);
        self.depth_left = left.ok_or_else(|| Malformed::at("", Flaw::TooDeep))?;
        Ok(())
    }

    fn array(&mut self, items: &[Json<'_>]) -> Result<(), Malformed> {
        self.descend()?;
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(item).map_err(|flaw| flaw.within(&index.to_string()))?;
        }
        self.out.push(b']');
        self.depth_left += 1;
        Ok(())
    }

    fn object(
        &mut self,
        members: &[Member<'_>],
        mut placed: impl FnMut(&str, Range<usize>),
    ) -> Result<(), Malformed> {
        self.descend()?;
        let mut sorted: Vec<&Member<'_>> = members.iter().collect();
        // Bytes and UTF-16 units sort alike inside ASCII.
        sorted.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        self.out.push(b'{');
        let mut members = sorted.into_iter().peekable();
        while let Some((name, value)) = members.next() {
            let start = self.out.len();
            self.string(name).map_err(|flaw| flaw.within(name))?;
            self.out.push(b':');
            self.value(value).map_err(|flaw| flaw.within(name))?;
            if members.peek().is_some() {
                self.out.push(b',');
                placed(name, start..self.out.len());
            }
        }
        self.out.push(b'}');
        self.depth_left += 1;
        Ok(())
    }
}

/// A string as RFC 8785 §3.2.2.2 writes it, for any text.
fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    // As in `is_printable`: no early exit.
    let special = |found, b| found | u8::from(matches!(b, 0x00..0x20 | b'"' | b'\\'));
    if text.bytes().fold(0, special) != 0 {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                0x08 => out.extend_from_slice(b"\\b"),
                0x09 => out.extend_from_slice(b"\\t"),
                0x0a => out.extend_from_slice(b"\\n"),
                0x0c => out.extend_from_slice(b"\\f"),
                0x0d => out.extend_from_slice(b"\\r"),
                0x00..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => out.push(byte),
            }
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

/// Writes one object directly in canonical form; members must come in ascending order of their names.
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    last: &'static str,
}

impl<'o> ObjectWriter<'o> {
    /// Opens an object at the end of `out`.
    pub(crate) fn open(out: &'o mut Vec<u8>) -> ObjectWriter<'o> {
        out.push(b'{');
        ObjectWriter { out, last: "" }
    }

    fn name(&mut self, name: &'static str) {
        debug_assert!(self.last < name, "{name} after {}", self.last);
        if !self.last.is_empty() {
            self.out.push(b',');
        }
        self.last = name;
        write_string(self.out, name);
        self.out.push(b':');
    }

    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        write_string(self.out, value);
    }

    pub(crate) fn shown(&mut self, name: &'static str, value: &impl std::fmt::Display) {
        self.text(name, &value.to_string());
    }

    pub(crate) fn shown_if(&mut self, name: &'static str, value: Option<&impl std::fmt::Display>) {
        if let Some(value) = value {
            self.shown(name, value);
        }
    }

    pub(crate) fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    pub(crate) fn texts<'t>(&mut self, name: &'static str, values: impl Iterator<Item = &'t str>) {
        self.name(name);
        self.out.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write_string(self.out, value);
        }
        self.out.push(b']');
    }

    pub(crate) fn object(&mut self, name: &'static str, write: impl FnOnce(&mut ObjectWriter<'_>)) {
        self.name(name);
        let mut inner = ObjectWriter::open(self.out);
        write(&mut inner);
        inner.close();
    }

    pub(crate) fn objects<T>(
        &mut self,
        name: &'static str,
        values: &[T],
        write: impl Fn(&T, &mut ObjectWriter<'_>),
    ) {
        self.name(name);
        self.out.push(b'[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let mut inner = ObjectWriter::open(self.out);
            write(value, &mut inner);
            inner.close();
        }
        self.out.push(b']');
    }

    /// The place of the next member in the output.
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::json::parse;
    use proptest::prelude::*;

    use super::*;

    fn flaw(text: &str) -> (String, Flaw) {
        let error = canonical(&parse(text.as_bytes(), 64).unwrap()).unwrap_err();
        (error.pointer, error.flaw)
    }

    /// Each rule of the profile, broken at a known place.
    #[test]
    fn names_rule_and_place() {
        for number in ["-1", "-0", "1.0", "1e2", "9007199254740992", "18446744073709551616", "1e400"] {
            assert_eq!(flaw(&format!(r#"{{"a":[1,{number}]}}"#)), ("/a/1".into(), Flaw::NotProfileNumber));
        }
        assert_eq!(flaw(r#"{"a":{"b":null}}"#), ("/a/b".into(), Flaw::Null));
        assert_eq!(flaw("{\"a\":\"\u{e9}\"}"), ("/a".into(), Flaw::NotPrintable));
        assert_eq!(flaw(r#"{"a":"\u007f"}"#), ("/a".into(), Flaw::NotPrintable));
        assert_eq!(flaw(r#"{"a\n":1}"#), ("/a\n".into(), Flaw::NotPrintable));
        let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
        assert_eq!(flaw(&deep).1, Flaw::TooDeep);
        let large = format!(r#"["{}"]"#, "x".repeat(CANONICAL_BYTES_MAX));
        assert_eq!(flaw(&large), (String::new(), Flaw::TooLarge));
        assert!(canonical(&parse(b"9007199254740991", 1).unwrap()).is_ok());
    }

    fn profile_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(serde_json::Value::from),
            (0..=INTEGER_MAX).prop_map(serde_json::Value::from),
            "[ -~]{0,12}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[ -~]{0,6}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Inside the profile our writer and a general RFC 8785 implementation give the same bytes, whatever
        /// the spelling of the input; cutting a place out gives the object without that member.
        #[test]
        fn equals_the_general_canonicalizer(value in profile_value(), members in prop::collection::btree_map("[a-f]{1,2}", 0..9_u8, 0..8)) {
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            let ours = canonical(&parse(&pretty, 64).unwrap()).unwrap();
            prop_assert_eq!(ours, serde_json_canonicalizer::to_vec(&value).unwrap());

            let mut object = serde_json::json!(members);
            let text = object.to_string();
            let (bytes, [place, _]) = canonical_with_places(&parse(text.as_bytes(), 8).unwrap(), ["c", "zz"]).unwrap();
            if !place.is_empty() {
                object.as_object_mut().unwrap().remove("c");
                let cut = [&bytes[..place.start], &bytes[place.end..]].concat();
                prop_assert_eq!(cut, serde_json_canonicalizer::to_vec(&object).unwrap());
            }
        }

        /// Any text at all is written as RFC 8785 writes it.
        #[test]
        fn writes_any_string(text in any::<String>()) {
            let mut out = Vec::new();
            write_string(&mut out, &text);
            prop_assert_eq!(out, serde_json_canonicalizer::to_vec(&text).unwrap());
        }
    }
}
