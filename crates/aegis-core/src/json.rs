//! Reading JSON from strangers: RFC 8259 and nothing beside it.
//!
//! Refused with the exact place: duplicate member names, nesting beyond a bound, bytes that are not UTF-8,
//! lone surrogates, anything after the value. Numbers keep their spelling, because `1`, `1.0` and `1e400`
//! mean different things to a signed document. General-purpose readers keep the last duplicate silently
//! and turn numbers into floats, which is why this one exists.

use std::borrow::Cow;

/// A JSON value that borrows from its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, spelled as in the text.
    Number(&'a str),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object in the order of the text; no name occurs twice.
    Object(Vec<Member<'a>>),
}

/// One name and its value.
pub type Member<'a> = (Cow<'a, str>, Json<'a>);

/// Why a text is no acceptable JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule} at byte {offset}")]
pub struct Unreadable {
    /// What was broken.
    pub rule: Rule,
    /// Byte offset in the text.
    pub offset: usize,
    /// RFC 6901 pointer to the innermost value that was being read.
    pub pointer: String,
}

/// The rule a text breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    Encoding,
    /// The text ended inside a value.
    #[error("unexpected end of the text")]
    Truncated,
    /// A character that JSON does not allow here.
    #[error("unexpected character")]
    Syntax,
    /// Text after the value.
    #[error("trailing bytes after the value")]
    Trailing,
    /// A member name occurs twice in one object.
    #[error("duplicate member name")]
    Duplicate,
    /// Nested more deeply than allowed.
    #[error("nested too deeply")]
    Depth,
    /// A `\u` escape that is half of a surrogate pair.
    #[error("lone surrogate")]
    Surrogate,
}

/// Reads one value that fills `text`, nested at most `depth_max` containers deep.
///
/// # Errors
/// [`Unreadable`] with the first broken rule, its offset and the pointer to the value.
pub fn parse(text: &[u8], depth_max: usize) -> Result<Json<'_>, Unreadable> {
    let text = std::str::from_utf8(text).map_err(|error| Unreadable {
        rule: Rule::Encoding,
        offset: error.valid_up_to(),
        pointer: String::new(),
    })?;
    let mut reader = Reader { text, offset: 0, path: Vec::new(), depth_left: depth_max };
    let outcome = reader.value().and_then(|value| {
        reader.skip_space();
        if reader.offset == text.len() { Ok(value) } else { Err(Rule::Trailing) }
    });
    outcome.map_err(|rule| Unreadable { rule, offset: reader.offset, pointer: reader.pointer() })
}

enum Step<'a> {
    Name(Cow<'a, str>),
    Index(usize),
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
    path: Vec<Step<'a>>,
    depth_left: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.offset += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), Rule> {
        match self.peek() {
            Some(found) if found == byte => {
                self.offset += 1;
                Ok(())
            }
            Some(_) => Err(Rule::Syntax),
            None => Err(Rule::Truncated),
        }
    }

    fn value(&mut self) -> Result<Json<'a>, Rule> {
        self.skip_space();
        match self.peek().ok_or(Rule::Truncated)? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Json::String),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            b'-' | b'0'..=b'9' => self.number().map(Json::Number),
            _ => Err(Rule::Syntax),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json<'a>, Rule>) -> Result<Json<'a>, Rule> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Rule::Depth)?;
        self.offset += 1;
        let value = read(self)?;
        self.depth_left += 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Json<'a>, Rule> {
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut names = std::collections::HashSet::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.offset += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            if is_repeated(&members, &mut names, &name) {
                self.path.push(Step::Name(name));
                return Err(Rule::Duplicate);
            }
            self.skip_space();
            self.take(b':')?;
            // The name is cloned for the path only when it had to be unescaped; else it is a borrow.
            self.path.push(Step::Name(name.clone()));
            let value = self.value()?;
            self.path.pop();
            members.push((name, value));
            if self.ends_with(b'}')? {
                return Ok(Json::Object(members));
            }
        }
    }

    fn array(&mut self) -> Result<Json<'a>, Rule> {
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.offset += 1;
            return Ok(Json::Array(items));
        }
        loop {
            self.path.push(Step::Index(items.len()));
            let item = self.value()?;
            self.path.pop();
            items.push(item);
            if self.ends_with(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    /// After an item: a comma (more follows) or the closing byte.
    fn ends_with(&mut self, close: u8) -> Result<bool, Rule> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.offset += 1;
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.offset += 1;
                Ok(true)
            }
            Some(_) => Err(Rule::Syntax),
            None => Err(Rule::Truncated),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, Rule> {
        for byte in word.bytes() {
            self.take(byte)?;
        }
        Ok(value)
    }

    fn digits(&mut self) -> Result<(), Rule> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(if self.peek().is_none() { Rule::Truncated } else { Rule::Syntax });
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.offset += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Rule> {
        let start = self.offset;
        if self.peek() == Some(b'-') {
            self.offset += 1;
        }
        if self.peek() == Some(b'0') {
            self.offset += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.offset += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.offset += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.offset += 1;
            }
            self.digits()?;
        }
        self.text.get(start..self.offset).ok_or(Rule::Syntax)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Rule> {
        self.take(b'"')?;
        let start = self.offset;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        self.offset = start + plain.unwrap_or(rest.len());
        match self.peek().ok_or(Rule::Truncated)? {
            b'"' => {
                let plain = self.text.get(start..self.offset).ok_or(Rule::Syntax)?;
                self.offset += 1;
                Ok(Cow::Borrowed(plain))
            }
            b'\\' => self.escaped(start).map(Cow::Owned),
            _ => Err(Rule::Syntax),
        }
    }

    /// Continues a string at its first escape.
    fn escaped(&mut self, start: usize) -> Result<String, Rule> {
        let mut plain_from = start;
        let mut text = String::new();
        loop {
            match self.peek().ok_or(Rule::Truncated)? {
                b'"' => {
                    text.push_str(self.text.get(plain_from..self.offset).ok_or(Rule::Syntax)?);
                    self.offset += 1;
                    return Ok(text);
                }
                b'\\' => {
                    text.push_str(self.text.get(plain_from..self.offset).ok_or(Rule::Syntax)?);
                    self.offset += 1;
                    text.push(self.escape()?);
                    plain_from = self.offset;
                }
                0..=0x1f => return Err(Rule::Syntax),
                _ => self.offset += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Rule> {
        let escape = self.peek().ok_or(Rule::Truncated)?;
        self.offset += 1;
        Ok(match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(Rule::Syntax),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Rule> {
        let first = self.four_hex()?;
        if (0xd800..0xdc00).contains(&first) {
            if self.text.as_bytes().get(self.offset..self.offset + 2) != Some(b"\\u") {
                return Err(Rule::Surrogate);
            }
            self.offset += 2;
            let second = self.four_hex()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(Rule::Surrogate);
            }
            return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                .ok_or(Rule::Surrogate);
        }
        char::from_u32(first).ok_or(Rule::Surrogate)
    }

    fn four_hex(&mut self) -> Result<u32, Rule> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek().ok_or(Rule::Truncated)?).to_digit(16).ok_or(Rule::Syntax)?;
            value = value * 16 + digit;
            self.offset += 1;
        }
        Ok(value)
    }

    fn pointer(&self) -> String {
        self.path.iter().fold(String::new(), |pointer, step| match step {
            Step::Name(name) => format!("{pointer}/{}", escape_pointer(name)),
            Step::Index(index) => format!("{pointer}/{index}"),
        })
    }
}

/// Objects up to this size are searched in order; larger ones through a set, so that a crafted object
/// costs linear time.
const SCANNED_MEMBERS_MAX: usize = 32;

#[expect(clippy::ptr_arg, reason = "a borrowed name is kept as a borrow, an unescaped one as its own text")]
fn is_repeated<'a>(
    members: &[Member<'a>],
    names: &mut std::collections::HashSet<Cow<'a, str>>,
    name: &Cow<'a, str>,
) -> bool {
    if members.len() < SCANNED_MEMBERS_MAX {
        return members.iter().any(|(known, _)| known == name);
    }
    if names.is_empty() {
        names.extend(members.iter().map(|(known, _)| known.clone()));
    }
    !names.insert(name.clone())
}

/// One name as a reference token of RFC 6901: `~` and `/` escaped.
pub fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl<'a> Json<'a> {
    /// The member called `name`, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.members()?.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The members, if this is an object.
    pub fn members(&self) -> Option<&[Member<'a>]> {
        if let Json::Object(members) = self { Some(members) } else { None }
    }

    /// The items, if this is an array.
    pub fn items(&self) -> Option<&[Json<'a>]> {
        if let Json::Array(items) = self { Some(items) } else { None }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(text) = self { Some(text) } else { None }
    }

    /// The same value for `serde`-based readers; a number beyond the range of a double gives `None`.
    pub fn to_value(&self) -> Option<serde_json::Value> {
        use serde_json::Value;
        Some(match self {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(spelling) => Value::Number(spelling.parse().ok()?),
            Json::String(text) => Value::String(text.clone().into_owned()),
            Json::Array(items) => Value::Array(items.iter().map(Json::to_value).collect::<Option<_>>()?),
            Json::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Some((name.clone().into_owned(), value.to_value()?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn broken(text: &str) -> (Rule, String) {
        let error = parse(text.as_bytes(), 4).unwrap_err();
        (error.rule, error.pointer)
    }

    /// Each rule is named, with the pointer to the value that broke it.
    #[test]
    fn names_rule_and_place() {
        assert_eq!(broken(r#"{"a":{"b":1,"b":2}}"#), (Rule::Duplicate, "/a/b".into()));
        assert_eq!(broken(r#"{"a":1,"\u0061":2}"#), (Rule::Duplicate, "/a".into()));
        assert_eq!(broken("[[[[[1]]]]]"), (Rule::Depth, "/0/0/0/0".into()));
        assert_eq!(broken(r#"{"a":"\ud800"}"#), (Rule::Surrogate, "/a".into()));
        assert_eq!(broken(r#""\ud800\u0041""#), (Rule::Surrogate, String::new()));
        assert_eq!(broken(r#""\udc00""#), (Rule::Surrogate, String::new()));
        assert_eq!(broken("{} x"), (Rule::Trailing, String::new()));
        assert_eq!(broken(r#"{"passport": "#), (Rule::Truncated, "/passport".into()));
        assert_eq!(broken("[01]"), (Rule::Syntax, String::new()));
        assert_eq!(broken("{\"a~/b\":nul}"), (Rule::Syntax, "/a~0~1b".into()));
        assert_eq!(parse(b"\"\xff\"", 4).unwrap_err().rule, Rule::Encoding);
    }

    /// Numbers keep their spelling, escapes are undone, plain strings are borrowed.
    #[test]
    fn keeps_spelling() {
        let text = br#"{"n":[1.0,1e400,-0],"s":"\ud83d\ude00\n"}"#;
        let value = parse(text, 4).unwrap();
        let numbers = value.get("n").unwrap().items().unwrap();
        assert_eq!(numbers, [Json::Number("1.0"), Json::Number("1e400"), Json::Number("-0")]);
        assert_eq!(value.get("s").unwrap().as_str(), Some("😀\n"));
        assert_eq!(value.to_value(), None, "1e400 is no double");
    }

    /// A large object is still checked for duplicates.
    #[test]
    fn finds_duplicates_in_large_objects() {
        let mut names: Vec<String> = (0..200).map(|n| format!("\"k{n}\":0")).collect();
        assert!(parse(format!("{{{}}}", names.join(",")).as_bytes(), 4).is_ok());
        names.push("\"k7\":0".into());
        assert_eq!(
            parse(format!("{{{}}}", names.join(",")).as_bytes(), 4).unwrap_err().rule,
            Rule::Duplicate
        );
    }

    fn any_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever serde_json writes, compact or pretty, reads back as the same value.
        #[test]
        fn agrees_with_serde_json(value in any_value()) {
            for text in [serde_json::to_vec(&value).unwrap(), serde_json::to_vec_pretty(&value).unwrap()] {
                prop_assert_eq!(parse(&text, 64).unwrap().to_value(), Some(value.clone()));
            }
        }

        /// On arbitrary text the two readers accept the same inputs, duplicates and number range apart.
        #[test]
        fn accepts_what_serde_json_accepts(text in r#"[\[\]{}",:0-9eE.+\-tfalsrun \\u"]{0,24}"#) {
            let ours = parse(text.as_bytes(), 64);
            let theirs: Result<serde_json::Value, _> = serde_json::from_str(&text);
            match (&ours, &theirs) {
                (Err(error), Ok(_)) => prop_assert_eq!(error.rule, Rule::Duplicate),
                (Ok(value), Err(_)) => prop_assert_eq!(value.to_value(), None),
                _ => {}
            }
        }
    }
}
