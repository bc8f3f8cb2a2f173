//! Reading typed fields out of a JSON object, naming the first that does not fit.

use aegis_core::json::{Json, Member, escape_pointer};

/// What is wrong with one place of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A required member is absent.
    #[error("is required")]
    Missing,
    /// A member this version does not have.
    #[error("is not a known member")]
    Unknown,
    /// A member that must not stand here, given the others.
    #[error("must not be present: {0}")]
    Misplaced(&'static str),
    /// Another JSON type, or a string or number outside its form.
    #[error("must be {0}")]
    Form(&'static str),
    /// Two members contradict each other.
    #[error("contradicts another member: {0}")]
    Contradiction(&'static str),
    /// A character outside 0x20–0x7E.
    #[error("holds a character other than printable ASCII")]
    NotPrintable,
    /// A number with sign, fraction or exponent, or above 2^53 − 1.
    #[error("must be an integer from 0 to 9007199254740991 without sign, fraction or exponent")]
    NotProfileNumber,
    /// `null`, which the profile does not have.
    #[error("must not be null")]
    Null,
    /// Nested more than 32 containers deep.
    #[error("is nested too deeply")]
    TooDeep,
    /// The canonical form exceeds 64 KiB.
    #[error("is too large")]
    TooLarge,
    /// A major version this reader does not know.
    #[error("is a version this reader does not know")]
    UnknownVersion,
    /// `crit` names a member this reader does not know.
    #[error("names a member that must be understood and is not")]
    UnknownCritical,
}

/// A document is not what it should be: the place and the flaw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} {flaw}", place = if pointer.is_empty() { "the document" } else { pointer })]
pub struct Malformed {
    /// RFC 6901 pointer to the place.
    pub pointer: String,
    /// What is wrong there.
    pub flaw: Flaw,
}

impl Malformed {
    /// A flaw of the value `pointer` names.
    pub(crate) fn at(pointer: &str, flaw: Flaw) -> Malformed {
        Malformed { pointer: pointer.to_owned(), flaw }
    }

    /// The same flaw seen from the container that holds the value under `name`.
    pub(crate) fn within(mut self, name: &str) -> Malformed {
        self.pointer = format!("/{}{}", escape_pointer(name), self.pointer);
        self
    }

    /// Whether the document may be sound but is beyond this reader, as opposed to wrong.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.flaw, Flaw::UnknownVersion | Flaw::UnknownCritical)
    }
}

/// What to do with members the reader does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strangers {
    Refused,
    Ignored,
}

/// The members of one object, asked for in ascending order of their names, so that one pass finds every
/// known member and every stranger.
pub(crate) struct Fields<'j, 'a> {
    members: Vec<&'j Member<'a>>,
    next: usize,
    strangers: Strangers,
}

impl<'j, 'a> Fields<'j, 'a> {
    /// The members of `json`, which must be an object.
    pub(crate) fn of(json: &'j Json<'a>, strangers: Strangers) -> Result<Fields<'j, 'a>, Malformed> {
        let members = json.members().ok_or_else(|| Malformed::at("", Flaw::Form("an object")))?;
        let mut members: Vec<&Member<'a>> = members.iter().collect();
        members.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        Ok(Fields { members, next: 0, strangers })
    }

    /// The value called `name`, if present. Names must be asked for in ascending order.
    pub(crate) fn optional(&mut self, name: &'static str) -> Result<Option<&'j Json<'a>>, Malformed> {
        while let Some((found, value)) = self.members.get(self.next).copied() {
            match found.as_ref().cmp(name) {
                std::cmp::Ordering::Less => self.stranger(found)?,
                std::cmp::Ordering::Equal => {
                    self.next += 1;
                    return Ok(Some(value));
                }
                std::cmp::Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    /// The value called `name`.
    pub(crate) fn required(&mut self, name: &'static str) -> Result<&'j Json<'a>, Malformed> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    fn stranger(&mut self, name: &str) -> Result<(), Malformed> {
        self.next += 1;
        match self.strangers {
            Strangers::Ignored => Ok(()),
            Strangers::Refused => Err(Malformed::at("", Flaw::Unknown).within(name)),
        }
    }

    /// A string in the form `parse` accepts.
    pub(crate) fn text<T>(
        &mut self,
        name: &'static str,
        form: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Malformed> {
        self.optional_text(name, form, parse)?.ok_or_else(|| missing(name))
    }

    /// A string in the form `parse` accepts, or nothing.
    pub(crate) fn optional_text<T>(
        &mut self,
        name: &'static str,
        form: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Malformed> {
        let Some(value) = self.optional(name)? else { return Ok(None) };
        let parsed = value.as_str().and_then(parse);
        parsed.map(Some).ok_or_else(|| Malformed::at("", Flaw::Form(form)).within(name))
    }

    /// An integer within `range`.
    pub(crate) fn number<T: TryFrom<u64>>(
        &mut self,
        name: &'static str,
        form: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<T, Malformed> {
        let value = self.required(name)?;
        number_in(value, range).ok_or_else(|| Malformed::at("", Flaw::Form(form)).within(name))
    }

    /// An object or array, read by `read`; flaws below are reported under `name`.
    pub(crate) fn nested<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'j Json<'a>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        read(self.required(name)?).map_err(|flaw| flaw.within(name))
    }

    /// As [`Fields::nested`], or nothing.
    pub(crate) fn optional_nested<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'j Json<'a>) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        self.optional(name)?.map(read).transpose().map_err(|flaw| flaw.within(name))
    }

    /// The end of the object: whatever is left is a stranger.
    pub(crate) fn end(mut self) -> Result<(), Malformed> {
        while let Some((found, _)) = self.members.get(self.next).copied() {
            self.stranger(found)?;
        }
        Ok(())
    }
}

fn missing(name: &str) -> Malformed {
    Malformed::at("", Flaw::Missing).within(name)
}

/// The items of an array, each read by `read`; flaws are reported under their index.
pub(crate) fn items<'j, 'a, T>(
    json: &'j Json<'a>,
    form: &'static str,
    count: std::ops::RangeInclusive<usize>,
    mut read: impl FnMut(&'j Json<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let items = json.items().filter(|items| count.contains(&items.len()));
    let items = items.ok_or_else(|| Malformed::at("", Flaw::Form(form)))?;
    let read = |(index, item)| read(item).map_err(|flaw: Malformed| flaw.within(&format!("{index}")));
    items.iter().enumerate().map(read).collect()
}

/// A string item in the form `parse` accepts.
pub(crate) fn text_item<T>(
    json: &Json<'_>,
    form: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Malformed> {
    json.as_str().and_then(parse).ok_or_else(|| Malformed::at("", Flaw::Form(form)))
}

/// A profile integer within `range`.
pub(crate) fn number_in<T: TryFrom<u64>>(
    value: &Json<'_>,
    range: std::ops::RangeInclusive<u64>,
) -> Option<T> {
    let Json::Number(spelling) = value else { return None };
    let number = crate::profile::integer(spelling).filter(|number| range.contains(number))?;
    T::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use aegis_core::json::parse;

    use super::*;

    fn read(text: &str, strangers: Strangers) -> Result<(u8, Option<String>), Malformed> {
        let json = parse(text.as_bytes(), 8).unwrap();
        let mut fields = Fields::of(&json, strangers)?;
        let count = fields.number("count", "a number from 1 to 9", 1..=9)?;
        let name = fields.optional_text("name", "a word", |text| Some(text.to_owned()))?;
        fields.end()?;
        Ok((count, name))
    }

    /// Members come in any order; each flaw names its member.
    #[test]
    fn names_the_first_flaw() {
        assert_eq!(read(r#"{"name":"x","count":3}"#, Strangers::Refused), Ok((3, Some("x".into()))));
        for (text, message) in [
            ("[]", "the document must be an object"),
            ("{}", "/count is required"),
            (r#"{"count":0}"#, "/count must be a number from 1 to 9"),
            (r#"{"count":"3"}"#, "/count must be a number from 1 to 9"),
            (r#"{"count":3,"name":4}"#, "/name must be a word"),
            (r#"{"a/b":1,"count":3}"#, "/a~1b is not a known member"),
            (r#"{"count":3,"later":1}"#, "/later is not a known member"),
            (r#"{"count":3,"zzz":1}"#, "/zzz is not a known member"),
        ] {
            assert_eq!(read(text, Strangers::Refused).unwrap_err().to_string(), message);
        }
        assert!(read(r#"{"aaa":0,"count":3,"later":1,"zzz":1}"#, Strangers::Ignored).is_ok());
    }
}
