//! The statuses of this slice. No wildcard: a new refusal does not compile until it has one.

use aegis_core::time::Timestamp;

use super::access::first_key::LinkRefused;
use super::access::ops::AccessRefused;
use super::keys::ops::{KeyFlaw, KeyRefused, TokenRefused};
use super::organizations::ops::OrganizationRefused;
use super::scopes::ScopeFlaw;
use crate::http::{Problem, ProblemCode, Violation};

impl From<OrganizationRefused> for Problem {
    fn from(refused: OrganizationRefused) -> Problem {
        match refused {
            OrganizationRefused::Unknown => Problem::not_found(),
            OrganizationRefused::IdsTaken(ids) => {
                let detail = format!("Other organizations already have {}.", ids.join(" and "));
                Problem::new(ProblemCode::StateConflict, detail).with("ids", ids)
            }
        }
    }
}

impl From<KeyRefused> for Problem {
    fn from(refused: KeyRefused) -> Problem {
        match refused {
            KeyRefused::Unknown => Problem::not_found(),
            KeyRefused::Ended => Problem::new(
                ProblemCode::StateConflict,
                "The key was revoked or has expired; create a new one.",
            ),
            KeyRefused::Flawed(flaws) => Problem::validation(flaws.into_iter().map(violation).collect()),
        }
    }
}

fn violation(flaw: KeyFlaw) -> Violation {
    match flaw {
        KeyFlaw::Scope(ScopeFlaw::NotOfRole { index, permitted }) => {
            let message = format!("Keys of this organization may hold {}.", permitted.join(", "));
            Violation::new(format!("/scopes/{index}"), "role", message)
        }
        KeyFlaw::Scope(ScopeFlaw::Together { approve, ask }) => {
            let message = format!("One key must not hold `{approve}` together with `{ask}`: use two keys.");
            Violation::new("/scopes", "separation", message)
        }
        KeyFlaw::Expired => Violation::new("/expiresAt", "future", "`expiresAt` must lie in the future."),
        KeyFlaw::OverlapOver => {
            Violation::new("/overlapUntil", "future", "`overlapUntil` must not lie in the past.")
        }
        KeyFlaw::OverlapTooLong(latest) => {
            let latest = Timestamp::to_rfc3339_millis(latest);
            let message = format!("`overlapUntil` must lie within seven days, before {latest}.");
            Violation::new("/overlapUntil", "maximum", message)
        }
    }
}

impl From<TokenRefused> for Problem {
    fn from(refused: TokenRefused) -> Problem {
        match refused {
            TokenRefused::Wider(scope) => Problem::insufficient_scope(&scope),
        }
    }
}

impl From<LinkRefused> for Problem {
    fn from(refused: LinkRefused) -> Problem {
        match refused {
            LinkRefused::Dead => Problem::new(
                ProblemCode::NotFound,
                "The link does not work, or no longer: it was used, replaced by a newer one, or is too old. Ask \
                 whoever runs this instance to approve the request again.",
            ),
        }
    }
}

impl From<AccessRefused> for Problem {
    fn from(refused: AccessRefused) -> Problem {
        match refused {
            AccessRefused::Unknown => Problem::not_found(),
            AccessRefused::Decided(state) => {
                let detail = format!("This request for access is already {}.", state.name());
                Problem::new(ProblemCode::StateConflict, detail).with("state", state.name())
            }
            AccessRefused::NoMail => Problem::new(
                ProblemCode::EmailNotConfigured,
                "The asker is told by mail, and this instance has no mail server.",
            ),
            AccessRefused::NotEligible => Problem::new(
                ProblemCode::StateConflict,
                "The roles provider and consumer are open to entities of the United States only.",
            )
            .with("missing", "country"),
            AccessRefused::NoAgreement => Problem::new(
                ProblemCode::StateConflict,
                "The roles provider and consumer need a business associate agreement on file; send `baa`.",
            )
            .with("missing", "baa"),
            AccessRefused::IdWithoutRole(role) => {
                let role = role.name();
                let message = format!("`ids.{role}` needs the role `{role}`, which was not asked for.");
                Problem::validation(vec![Violation::new(format!("/ids/{role}"), "role", message)])
            }
            AccessRefused::Organization(refused) => refused.into(),
        }
    }
}
