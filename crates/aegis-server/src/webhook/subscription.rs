//! Which events an endpoint wants: a rule over values.

use std::fmt;

/// The kind of the event that tests one endpoint: it goes to its subject alone.
pub const TEST: &str = "webhook.test";
/// The kind of the event that tells of a disabled endpoint.
pub const DISABLED: &str = "webhook.disabled";
/// What stands for all kinds.
const EVERYTHING: &str = "*";

/// The kinds of events one endpoint wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// All, also those that do not exist yet.
    Everything,
    /// These, ascending and without repetition; never empty.
    Kinds(Vec<String>),
}

impl Subscription {
    /// From the names of a request, in any order; `*` among them means all. `None` if there are none.
    pub fn of(mut names: Vec<String>) -> Option<Subscription> {
        if names.iter().any(|name| name == EVERYTHING) {
            return Some(Subscription::Everything);
        }
        names.sort();
        names.dedup();
        (!names.is_empty()).then_some(Subscription::Kinds(names))
    }

    /// Reads the form of rows.
    pub fn parse(text: &str) -> Option<Subscription> {
        Subscription::of(text.split_whitespace().map(str::to_owned).collect())
    }

    /// The names as clients see them.
    pub fn names(&self) -> Vec<String> {
        match self {
            Subscription::Everything => vec![EVERYTHING.to_owned()],
            Subscription::Kinds(names) => names.clone(),
        }
    }

    /// Whether the endpoint `id` with this subscription gets an event of `kind` about `subject`.
    pub fn admits(&self, kind: &str, subject: &str, id: &str) -> bool {
        if kind == TEST {
            return subject == id;
        }
        match self {
            Subscription::Everything => true,
            Subscription::Kinds(names) => names.iter().any(|name| name == kind),
        }
    }
}

/// The form of rows: names separated by spaces.
impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are exact, `*` is all, a test reaches the tested endpoint whatever it subscribed to.
    #[test]
    fn admits_what_was_asked_for() {
        let some = Subscription::of(vec!["b.done".into(), "a.done".into(), "b.done".into()]).unwrap();
        assert_eq!(some.to_string(), "a.done b.done");
        assert_eq!(Subscription::parse("a.done b.done"), Some(some.clone()));
        assert!(some.admits("a.done", "x", "whk_1") && !some.admits("a.done.more", "x", "whk_1"));
        assert!(some.admits(TEST, "whk_1", "whk_1") && !some.admits(TEST, "whk_2", "whk_1"));
        let all = Subscription::parse("*").unwrap();
        assert!(all.admits("a.new", "x", "whk_1") && !all.admits(TEST, "whk_2", "whk_1"));
        assert_eq!(Subscription::of(vec!["a.done".into(), "*".into()]), Some(Subscription::Everything));
        assert_eq!(Subscription::parse(""), None);
    }
}
