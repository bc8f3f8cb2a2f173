//! Writing an entry inside the operation it tells of, and showing it in the answer.

use std::fmt::Display;

use aegis_core::id::LogEntryId;
use aegis_core::moment::Moment;
use aegis_store::{Cause, Fault, Tx};
use aegis_tlog::leaf::{Opening, Statement};

use super::sql::{self, EntryRow};
use crate::caller::Caller;
use crate::operation::{Evidence, Logged};

/// What an entry says: everything but time, operation and actor, which the kernel knows.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The entry's id, where the operation's own rows name it; otherwise the kernel picks one.
    pub id: Option<LogEntryId>,
    /// The object it happened to: an id, never a name or an address.
    pub subject: String,
    /// How it ended.
    pub outcome: LeafOutcome,
    /// The organization that may read the details besides the admin.
    pub reader: Option<String>,
    /// Facts that the tree commits to by a salted digest and that can be erased from the row.
    pub details: serde_json::Value,
}

/// How an operation ended, as the log tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafOutcome {
    /// Done.
    Done,
    /// Refused by a rule, and remembered.
    Denied,
}

impl LeafOutcome {
    const fn name(self) -> &'static str {
        match self {
            LeafOutcome::Done => "done",
            LeafOutcome::Denied => "denied",
        }
    }
}

impl Leaf {
    /// An operation that was done.
    pub fn done(subject: impl Display, reader: Option<&str>, details: serde_json::Value) -> Leaf {
        Leaf {
            id: None,
            subject: subject.to_string(),
            outcome: LeafOutcome::Done,
            reader: reader.map(str::to_owned),
            details,
        }
    }

    /// A refusal that is remembered.
    pub fn denied(subject: impl Display, reader: Option<&str>, details: serde_json::Value) -> Leaf {
        Leaf { outcome: LeafOutcome::Denied, ..Leaf::done(subject, reader, details) }
    }

    /// The same entry under an id that the operation's own rows name.
    #[must_use]
    pub fn named(mut self, id: LogEntryId) -> Leaf {
        self.id = Some(id);
        self
    }
}

/// Writes the entry of the running operation.
pub(crate) fn append(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    operation: &str,
    caller: &Caller,
    leaf: &Leaf,
) -> Result<Logged, Fault> {
    let salt: [u8; 32] = at.entropy().bytes();
    let statement = Statement {
        at: at.now(),
        op: operation.to_owned(),
        actor: caller.actor().to_owned(),
        subject: leaf.subject.clone(),
        outcome: leaf.outcome.name().to_owned(),
    };
    let opening = Opening::commit(statement, salt, &leaf.details).map_err(|error| Fault::Internal {
        what: "commit to an entry of the log",
        cause: Cause::new(error),
    })?;
    let row = EntryRow {
        id: leaf.id.unwrap_or_else(|| at.new_id()),
        index: None,
        at: at.now(),
        commitment: opening.commitment().clone(),
        reader: leaf.reader.clone(),
        opening: Some((salt, opening.details().to_owned())),
    };
    sql::insert_entry(tx, &row)?;
    Ok(row.logged())
}

/// Adds the evidence that an operation's answers carry to a JSON object.
pub(crate) fn splice(body: &mut Vec<u8>, evidence: Evidence, logged: Option<Logged>) {
    let Some(logged) = logged else { return };
    if body.pop_if(|last| *last == b'}').is_none() {
        return;
    }
    let comma = if body.len() > 1 { "," } else { "" };
    let index = logged.index.map_or_else(|| "null".to_owned(), |index| index.to_string());
    let members = match evidence {
        Evidence::Headers => String::new(),
        Evidence::Snake => format!(
            r#"{comma}"log_entry":"{}","log_index":{index},"leaf_hash":"{}""#,
            logged.entry,
            logged.leaf_hash.to_hex()
        ),
        Evidence::SnakeEntry => format!(r#"{comma}"log_entry":"{}""#, logged.entry),
        Evidence::Camel => format!(r#"{comma}"logEntry":"{}""#, logged.entry),
    };
    body.extend_from_slice(members.as_bytes());
    body.push(b'}');
}

#[cfg(test)]
mod tests {
    use aegis_core::crypto::digest::Digest;
    use aegis_core::id::LogEntryId;

    use super::*;

    /// Evidence is added to an object, empty or not, and to nothing else.
    #[test]
    fn evidence_joins_the_object() {
        let entry = LogEntryId::parse("log_019e099acb007b6a9d0e1f2031425364").unwrap();
        let logged = Some(Logged { entry, leaf_hash: Digest::ZERO, index: Some(7) });
        let spliced = |body: &str, evidence| {
            let mut body = body.as_bytes().to_vec();
            splice(&mut body, evidence, logged);
            String::from_utf8(body).unwrap()
        };
        assert_eq!(spliced("{}", Evidence::Camel), format!(r#"{{"logEntry":"{entry}"}}"#));
        assert_eq!(
            spliced(r#"{"a":1}"#, Evidence::SnakeEntry),
            format!(r#"{{"a":1,"log_entry":"{entry}"}}"#)
        );
        assert!(spliced(r#"{"a":1}"#, Evidence::Snake).contains(r#""log_index":7,"leaf_hash":"00"#));
        assert_eq!(spliced(r#"{"a":1}"#, Evidence::Headers), r#"{"a":1}"#);
        assert_eq!(spliced("", Evidence::Snake), "");
    }
}
