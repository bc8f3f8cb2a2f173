//! Which scopes a key may hold, by the roles of its organization.

use std::collections::BTreeSet;

use aegis_kernel::Role;
use aegis_kernel::caller::Scopes;

/// Lets a key make, list, rotate and revoke the keys of its organization.
pub const KEYS: &str = "keys";
/// Lets a key read its organization's entries of the log.
pub const AUDIT_READ: &str = "audit:read";
/// Lets a key name webhook endpoints and read its organization's events.
pub const WEBHOOKS: &str = "webhooks";

/// Whoever holds both halves of a pair could approve what they asked for themselves.
const APART: [(&str, &str); 3] = [
    ("identity:approve", "identity:issue"),
    ("identity:approve", "identity:amend"),
    ("exchange:breakglass-approve", "exchange:breakglass"),
];

/// The halves that a first key does without.
const APPROVALS: [&str; 2] = ["identity:approve", "exchange:breakglass-approve"];

const fn of_role(role: Role) -> &'static [&'static str] {
    match role {
        Role::Operator => &[
            "identity:issue",
            "identity:amend",
            "identity:approve",
            "identity:revoke",
            "identity:read",
            "identity:receipt",
        ],
        Role::Provider => &[
            "exchange:fulfill",
            "exchange:review",
            "exchange:read",
            "exchange:destroy",
            "exchange:dispute",
            "exchange:audit",
            "exchange:partner",
            "exchange:breakglass",
            "exchange:breakglass-approve",
        ],
        Role::Consumer => &[
            "exchange:request",
            "exchange:open",
            "exchange:read",
            "exchange:destroy",
            "exchange:dispute",
            "exchange:audit",
            "exchange:partner",
        ],
        // What an auditor may read follows from the role itself.
        Role::Auditor => &[],
    }
}

/// Every scope that keys of an organization with these roles may hold.
pub fn permitted<'r>(roles: impl IntoIterator<Item = &'r Role>) -> BTreeSet<&'static str> {
    let of_roles = roles.into_iter().flat_map(|role| of_role(*role).iter().copied());
    of_roles.chain([KEYS, AUDIT_READ, WEBHOOKS]).collect()
}

/// What a key gets when nobody says otherwise: everything but the approving halves.
pub fn initial<'r>(roles: impl IntoIterator<Item = &'r Role>) -> Scopes {
    let permitted = permitted(roles).into_iter().filter(|scope| !APPROVALS.contains(scope));
    Scopes::new(permitted.map(str::to_owned).collect())
}

/// Why a key may not hold the scopes asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeFlaw {
    /// No role of the organization has this scope, or it does not exist.
    NotOfRole {
        /// Position in the request.
        index: usize,
        /// What would be possible.
        permitted: Vec<&'static str>,
    },
    /// One key would ask and approve.
    Together {
        /// The approving half.
        approve: &'static str,
        /// The asking half.
        ask: &'static str,
    },
}

/// Everything that speaks against giving `asked` to a key of an organization with these roles.
pub fn flaws<'r>(asked: &[String], roles: impl IntoIterator<Item = &'r Role>) -> Vec<ScopeFlaw> {
    let permitted = permitted(roles);
    let foreign = asked.iter().enumerate().filter(|(_, scope)| !permitted.contains(scope.as_str()));
    let mut flaws: Vec<ScopeFlaw> = foreign
        .map(|(index, _)| ScopeFlaw::NotOfRole { index, permitted: permitted.iter().copied().collect() })
        .collect();
    let holds = |wanted: &str| asked.iter().any(|scope| scope == wanted);
    let together = APART.into_iter().filter(|(approve, ask)| holds(approve) && holds(ask));
    flaws.extend(together.map(|(approve, ask)| ScopeFlaw::Together { approve, ask }));
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A first key of an operator holds the contract's scopes and never an approving half.
    #[test]
    fn first_keys_approve_nothing() {
        assert_eq!(
            initial(&[Role::Operator]).to_string(),
            "audit:read identity:amend identity:issue identity:read identity:receipt identity:revoke keys webhooks"
        );
        assert_eq!(initial(&[Role::Auditor]).to_string(), "audit:read keys webhooks");
        assert!(!initial(&Role::ALL).contains("exchange:breakglass-approve"));
        assert_eq!(flaws(initial(&Role::ALL).names(), &Role::ALL), []);
    }

    /// Scopes of other roles are refused one by one, and asking stays apart from approving.
    #[test]
    fn flaws_are_named() {
        let asked: Vec<String> =
            ["identity:approve", "exchange:open", "identity:issue"].map(str::to_owned).to_vec();
        let found = flaws(&asked, &[Role::Operator]);
        assert!(matches!(&found[0], ScopeFlaw::NotOfRole { index: 1, .. }));
        assert_eq!(found[1], ScopeFlaw::Together { approve: "identity:approve", ask: "identity:issue" });
        assert_eq!(found.len(), 2);
        assert_eq!(flaws(&["identity:approve".to_owned(), KEYS.to_owned()], &[Role::Operator]), []);
    }
}
