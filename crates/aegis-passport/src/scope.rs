//! Scopes: a ceiling on what an agent may be granted, never a grant.

use std::fmt;

/// Scopes of one passport at most.
pub const SCOPES_MAX: usize = 64;
/// Characters of one scope at most.
pub const SCOPE_CHARS_MAX: usize = 128;

/// `*`, or `^[a-z][a-z0-9_.-]*(:[a-z0-9_.-]+)*(:\*)?$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Box<str>);

impl Scope {
    /// What [`Scope::parse`] accepts, for messages.
    pub const FORM: &'static str = "* or lower-case words joined by :, optionally ending in :*";

    /// Takes a scope of the right form.
    pub fn parse(text: &str) -> Option<Scope> {
        let plain = text.strip_suffix(":*").unwrap_or(text);
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
        let fits = text == "*"
            || (text.len() <= SCOPE_CHARS_MAX
                && plain.starts_with(|c: char| c.is_ascii_lowercase())
                && plain.split(':').all(|part| !part.is_empty() && part.bytes().all(word)));
        fits.then(|| Scope(text.into()))
    }

    /// The scope.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether everything `other` allows is allowed by `self`: `*` covers all, `a:*` covers `a:…`.
    pub fn covers(&self, other: &Scope) -> bool {
        if &*self.0 == "*" || self == other {
            return true;
        }
        // `a:*` covers what starts with `a:`, and nothing else does.
        self.0.strip_suffix('*').is_some_and(|prefix| other.0.starts_with(prefix))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Up to 64 scopes, unique and ascending: one set has one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// `["*"]`, the default ceiling.
    pub fn everything() -> Scopes {
        Scopes(vec![Scope("*".into())])
    }

    /// Takes scopes that already are unique and ascending.
    pub fn from_ascending(scopes: Vec<Scope>) -> Option<Scopes> {
        let ascending = scopes.is_sorted_by(|left, right| left < right);
        (ascending && scopes.len() <= SCOPES_MAX).then_some(Scopes(scopes))
    }

    /// Sorts and removes repetitions; `None` when more than [`SCOPES_MAX`] remain.
    pub fn from_any_order(mut scopes: Vec<Scope>) -> Option<Scopes> {
        scopes.sort_unstable();
        scopes.dedup();
        Scopes::from_ascending(scopes)
    }

    /// The scopes in ascending order.
    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }

    /// Whether one of these covers `scope`.
    pub fn cover(&self, scope: &Scope) -> bool {
        self.0.iter().any(|own| own.covers(scope))
    }

    /// Whether `*` is among them.
    pub fn has_everything(&self) -> bool {
        self.0.iter().any(|scope| &*scope.0 == "*")
    }

    /// The scopes of `other` that none of these covers.
    pub fn not_covered<'s>(&self, other: &'s Scopes) -> Vec<&'s Scope> {
        other.0.iter().filter(|scope| !self.cover(scope)).collect()
    }
}

/// Space-separated, for messages and evidence.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    /// The grammar, by examples on both sides of each rule.
    #[test]
    fn grammar_is_strict() {
        for good in ["*", "a", "a:b", "a:*", "mail.send:internal:*", "a:1"] {
            assert!(Scope::parse(good).is_some(), "{good}");
        }
        for bad in
            ["", ":", "a:", ":a", "A", "a:*:b", "a*", "**", "1a", "a::b", "a:*:*", "a b", &"a".repeat(129)]
        {
            assert_eq!(Scope::parse(bad), None, "{bad}");
        }
    }

    /// A star covers what lies below it, never its own stem or a sibling with the same beginning.
    #[test]
    fn stars_cover_below() {
        assert!(scope("*").covers(&scope("a:*")));
        assert!(scope("a:*").covers(&scope("a:b:c")));
        assert!(scope("a:*").covers(&scope("a:b:*")));
        assert!(!scope("a:*").covers(&scope("a")));
        assert!(!scope("a:*").covers(&scope("ab:c")));
        assert!(!scope("a:b").covers(&scope("a:b:c")));
        assert!(!scope("a:b:*").covers(&scope("a:*")));
    }

    /// A set has one spelling: descending or repeated scopes are refused on reading, sorted when asked for.
    #[test]
    fn sets_are_ascending() {
        assert_eq!(Scopes::from_ascending(vec![scope("b"), scope("a")]), None);
        assert_eq!(Scopes::from_ascending(vec![scope("a"), scope("a")]), None);
        let set = Scopes::from_any_order(vec![scope("b"), scope("a"), scope("b")]).unwrap();
        assert_eq!(set.to_string(), "a b");
        let many: Vec<Scope> = (0..65).map(|n| scope(&format!("s{n}"))).collect();
        assert_eq!(Scopes::from_any_order(many), None);
    }

    proptest! {
        /// Covering is transitive, whatever the three scopes are.
        #[test]
        fn covering_is_transitive(
            texts in prop::array::uniform3(r"\*|[ab](:[ab]){0,3}(:\*)?")
        ) {
            let [a, b, c] = texts.map(|text| scope(&text));
            if a.covers(&b) && b.covers(&c) {
                prop_assert!(a.covers(&c));
            }
            prop_assert!(a.covers(&a));
        }
    }
}
