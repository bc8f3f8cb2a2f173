//! The spending policy of an agent: what it may do, decided by people it cannot reach.
//!
//! [`rules`] holds the rules in the order they are evaluated in; [`hours`] and [`hosts`] the two parts that are
//! languages of their own.

use std::collections::BTreeSet;

use aegis_core::closed_set;

use crate::action::FinancialAction;
use crate::address::Address;
use crate::asset::{ChainName, Token};
use crate::usdc::Usdc;
use crate::window::{PerWindow, Window};

pub mod hosts;
pub mod hours;
pub mod rules;

use hosts::Hosts;
use hours::Hours;

/// Entries of each list of a policy at most: one evaluation reads them all.
pub const LIST_MAX: usize = 1_000;
/// Longest twin window, a day.
pub const TWIN_SECONDS_MAX: u32 = 86_400;
/// Bounds of an approval's life: five minutes, so that a person can be reached, to a week.
pub const APPROVAL_TTL_SECONDS: std::ops::RangeInclusive<u32> = 300..=604_800;
/// Life of an approval where the policy does not say: a day.
const APPROVAL_TTL_DEFAULT_SECONDS: u32 = 86_400;
/// Bounds of the number of people an approval needs.
pub const APPROVALS_REQUIRED: std::ops::RangeInclusive<u8> = 1..=5;

/// All of a kind, or only those named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Permitted<T> {
    /// All.
    #[default]
    All,
    /// These.
    Only(BTreeSet<T>),
}

impl<T: Ord> Permitted<T> {
    /// Whether `one` is among them.
    pub fn has(&self, one: &T) -> bool {
        match self {
            Permitted::All => true,
            Permitted::Only(these) => these.contains(one),
        }
    }
}

closed_set! {
    /// Whether a list of allowed ones is complete.
    ListMode {
        /// Everyone who is not denied.
        Any = "any",
        /// Only those listed.
        Allow = "allow",
    }
}

/// Whom an agent may pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// Whether [`Recipients::allow`] is complete.
    pub mode: ListMode,
    /// Allowed ones, in mode `allow`.
    pub allow: BTreeSet<Address>,
    /// Denied ones, whatever else is allowed.
    pub deny: BTreeSet<Address>,
    /// Whether a recipient never paid before needs an approval.
    pub new_recipient_approval: bool,
    /// Whether an address that fails EIP-55 is refused instead of warned about.
    pub require_checksum: bool,
}

/// How long after its success an action makes an equal one suspicious. 0 switches that part off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwinSeconds {
    /// For payments to services.
    pub pay: u32,
    /// For everything else.
    pub default: u32,
}

impl TwinSeconds {
    /// The length that holds for `action`.
    pub const fn of(&self, action: FinancialAction) -> u32 {
        if matches!(action, FinancialAction::Pay) { self.pay } else { self.default }
    }
}

/// The rules of one agent. Its name, agent, version and instants stand beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What may be asked for.
    pub actions: Permitted<FinancialAction>,
    /// With which tokens.
    pub tokens: Permitted<Token>,
    /// On which chains.
    pub chains: Permitted<ChainName>,
    /// When; always if empty.
    pub allowed_hours: Vec<Hours>,
    /// When not, even within [`Policy::allowed_hours`].
    pub quiet_hours: Vec<Hours>,
    /// To whom.
    pub recipients: Recipients,
    /// To which services.
    pub hosts: Hosts,
    /// Whether a payment needs a quote obtained before.
    pub require_quote: bool,
    /// The most one principal may be worth.
    pub per_tx_limit: Usdc,
    /// The most that may be spent and held, by window.
    pub limits: PerWindow<Usdc>,
    /// A principal above it needs an approval; none needs one if absent.
    pub approval_threshold: Option<Usdc>,
    /// How many people must approve.
    pub approvals_required: u8,
    /// How long they have.
    pub approval_ttl_seconds: u32,
    /// When an equal action is suspicious.
    pub twin_seconds: TwinSeconds,
}

/// The policy of an agent for which nobody wrote another.
impl Default for Policy {
    fn default() -> Policy {
        Policy {
            actions: Permitted::All,
            tokens: Permitted::All,
            chains: Permitted::All,
            allowed_hours: Vec::new(),
            quiet_hours: Vec::new(),
            recipients: Recipients {
                mode: ListMode::Any,
                allow: BTreeSet::new(),
                deny: BTreeSet::new(),
                new_recipient_approval: false,
                require_checksum: false,
            },
            hosts: Hosts::default(),
            require_quote: false,
            per_tx_limit: Usdc::whole(10_000),
            limits: PerWindow {
                daily: Usdc::whole(50_000),
                weekly: Usdc::whole(200_000),
                monthly: Usdc::whole(500_000),
            },
            approval_threshold: None,
            approvals_required: 1,
            approval_ttl_seconds: APPROVAL_TTL_DEFAULT_SECONDS,
            twin_seconds: TwinSeconds { pay: 60, default: 600 },
        }
    }
}

/// A field of a policy that cannot stand; forms are checked where its JSON is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFlaw {
    /// A wider limit is below a narrower one.
    #[error("must be at least {narrower}")]
    Order {
        /// The wider window.
        window: Window,
        /// The narrower limit's value.
        narrower: Usdc,
    },
    /// More or fewer people than [`APPROVALS_REQUIRED`].
    #[error("must be a number from 1 to 5")]
    ApprovalsRequired,
    /// Outside [`APPROVAL_TTL_SECONDS`].
    #[error("must be a number from 300 to 604800")]
    ApprovalTtl,
    /// Above [`TWIN_SECONDS_MAX`].
    #[error("must be a number from 0 to 86400")]
    TwinSeconds {
        /// Whether it is the length for payments.
        pay: bool,
    },
    /// More than [`LIST_MAX`] entries.
    #[error("must have at most {LIST_MAX} items")]
    ListTooLong(&'static str),
}

impl PolicyFlaw {
    /// RFC 6901 pointer to the field.
    pub const fn pointer(&self) -> &'static str {
        match self {
            PolicyFlaw::Order { window: Window::Daily, .. } => "/dailyLimitUsdc",
            PolicyFlaw::Order { window: Window::Weekly, .. } => "/weeklyLimitUsdc",
            PolicyFlaw::Order { window: Window::Monthly, .. } => "/monthlyLimitUsdc",
            PolicyFlaw::ApprovalsRequired => "/approvalsRequired",
            PolicyFlaw::ApprovalTtl => "/approvalTtlSeconds",
            PolicyFlaw::TwinSeconds { pay: true } => "/twinWindowSeconds/pay",
            PolicyFlaw::TwinSeconds { pay: false } => "/twinWindowSeconds/default",
            PolicyFlaw::ListTooLong(pointer) => pointer,
        }
    }

    /// The name of the broken rule in `violations[].rule`.
    pub const fn rule(&self) -> &'static str {
        match self {
            PolicyFlaw::Order { .. } => "order",
            PolicyFlaw::ApprovalsRequired | PolicyFlaw::ApprovalTtl | PolicyFlaw::TwinSeconds { .. } => {
                "range"
            }
            PolicyFlaw::ListTooLong(_) => "maxItems",
        }
    }
}

impl Policy {
    /// Everything that is wrong with it. A policy is stored only if that is nothing.
    pub fn flaws(&self) -> Vec<PolicyFlaw> {
        let mut found = Vec::new();
        let mut narrower = self.per_tx_limit;
        for window in Window::ALL {
            let limit = self.limits.get(*window);
            if limit < narrower {
                found.push(PolicyFlaw::Order { window: *window, narrower });
            }
            narrower = narrower.max(limit);
        }
        if !APPROVALS_REQUIRED.contains(&self.approvals_required) {
            found.push(PolicyFlaw::ApprovalsRequired);
        }
        if !APPROVAL_TTL_SECONDS.contains(&self.approval_ttl_seconds) {
            found.push(PolicyFlaw::ApprovalTtl);
        }
        for (pay, seconds) in [(true, self.twin_seconds.pay), (false, self.twin_seconds.default)] {
            if seconds > TWIN_SECONDS_MAX {
                found.push(PolicyFlaw::TwinSeconds { pay });
            }
        }
        let chains = if let Permitted::Only(these) = &self.chains { these.len() } else { 0 };
        let lists = [
            ("/chains", chains),
            ("/allowedHours", self.allowed_hours.len()),
            ("/quietHours", self.quiet_hours.len()),
            ("/recipients/allow", self.recipients.allow.len()),
            ("/recipients/deny", self.recipients.deny.len()),
            ("/hosts/allow", self.hosts.allow.len()),
            ("/hosts/deny", self.hosts.deny.len()),
        ];
        let too_long = lists.into_iter().filter(|(_, items)| *items > LIST_MAX);
        found.extend(too_long.map(|(pointer, _)| PolicyFlaw::ListTooLong(pointer)));
        found
    }
}

/// Somebody changed the policy since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy is at version {current} by now")]
pub struct VersionConflict {
    /// The version in force.
    pub current: u32,
}

/// The version a changed policy gets, if the caller read the `current` one or does not say which it read.
///
/// # Errors
/// [`VersionConflict`] for another version, and at the end of all versions.
pub fn next_version(current: u32, if_match: Option<u32>) -> Result<u32, VersionConflict> {
    let read = if_match.is_none_or(|read| read == current);
    current.checked_add(1).filter(|_| read).ok_or(VersionConflict { current })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default stands; each bound is seen at its own field.
    #[test]
    fn flaws_are_named() {
        assert_eq!(Policy::default().flaws(), []);
        let bad = Policy {
            limits: PerWindow {
                daily: Usdc::whole(9_999),
                weekly: Usdc::whole(1),
                monthly: Usdc::whole(10_000),
            },
            approvals_required: 6,
            approval_ttl_seconds: 299,
            twin_seconds: TwinSeconds { pay: 86_401, default: 86_401 },
            allowed_hours: vec![hours::tests::always("UTC"); LIST_MAX + 1],
            ..Policy::default()
        };
        let found: Vec<_> = bad.flaws().iter().map(|flaw| (flaw.pointer(), flaw.rule())).collect();
        assert_eq!(
            found,
            [
                ("/dailyLimitUsdc", "order"),
                ("/weeklyLimitUsdc", "order"),
                ("/approvalsRequired", "range"),
                ("/approvalTtlSeconds", "range"),
                ("/twinWindowSeconds/pay", "range"),
                ("/twinWindowSeconds/default", "range"),
                ("/allowedHours", "maxItems"),
            ]
        );
        assert_eq!(bad.flaws()[0].to_string(), "must be at least 10000.00");
    }

    /// A reader of an older version does not overwrite a newer one.
    #[test]
    fn versions_rise_by_one() {
        assert_eq!(next_version(3, None), Ok(4));
        assert_eq!(next_version(3, Some(3)), Ok(4));
        assert_eq!(next_version(3, Some(2)), Err(VersionConflict { current: 3 }));
        assert!(next_version(u32::MAX, None).is_err());
    }
}
