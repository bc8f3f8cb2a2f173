//! Evaluating a policy: every rule, in the contract's order, over one ask.
//!
//! All rules are looked at, so that an agent learns everything that stands in its way at once; the first that
//! fails is the one the refusal names.

use aegis_core::canonical::{self, NotCanonical};
use aegis_core::closed_set;
use aegis_core::crypto::digest::Digest;
use aegis_core::time::Timestamp;
use serde_json::{Value, json};

use super::hosts::{Host, PinPayee};
use super::hours::{next_permitted, permit};
use super::{ListMode, Policy};
use crate::action::FinancialAction;
use crate::address::Address;
use crate::asset::{ChainName, Token};
use crate::hold::Counting;
use crate::stop::Stop;
use crate::usdc::Usdc;
use crate::window::{PerWindow, Standing, Usage, Window};

closed_set! {
    /// A rule that can refuse, in the order of evaluation.
    Rule {
        /// The agent, its organization or the instance is stopped.
        Freeze = "freeze",
        /// Not one of `actions`.
        ActionDisabled = "action_disabled",
        /// Not one of `tokens`.
        TokenDisabled = "token_disabled",
        /// Not one of `chains`.
        ChainDisabled = "chain_disabled",
        /// Outside the hours.
        TimeWindow = "time_window",
        /// A denied recipient.
        RecipientDenied = "recipient_denied",
        /// A recipient that is not listed.
        RecipientNotAllowed = "recipient_not_allowed",
        /// A denied host.
        HostDenied = "host_denied",
        /// A host that is not listed.
        HostNotAllowed = "host_not_allowed",
        /// A price above the host's.
        HostMax = "host_max",
        /// Another payee than the host's.
        HostPayeePin = "host_payee_pin",
        /// A payment without quote.
        QuoteRequired = "quote_required",
        /// A principal above the limit.
        PerTx = "per_tx",
        /// Beyond the limit of 24 hours.
        Daily = "daily",
        /// Beyond the limit of 168 hours.
        Weekly = "weekly",
        /// Beyond the limit of 720 hours.
        Monthly = "monthly",
    }
}

impl Rule {
    const fn of(window: Window) -> Rule {
        match window {
            Window::Daily => Rule::Daily,
            Window::Weekly => Rule::Weekly,
            Window::Monthly => Rule::Monthly,
        }
    }
}

closed_set! {
    /// Why an action is parked for an approval.
    StepUp {
        /// Its principal is above the threshold.
        Amount = "step_up_amount",
        /// Its recipient was never paid before.
        NewRecipient = "step_up_new_recipient",
    }
}

/// What is known of the service an ask would pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAsk {
    /// Its host.
    pub host: Host,
    /// Its price, once it named one.
    pub price: Option<Usdc>,
    /// Its payee, once it named one.
    pub payee: Option<Address>,
    /// The payee pinned for it, if any.
    pub pin: Option<Address>,
    /// Whether the request refers to a quote.
    pub quoted: bool,
}

/// What an agent wants to do, valued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Which action.
    pub action: FinancialAction,
    /// The tokens concerned.
    pub tokens: Vec<Token>,
    /// The chains concerned.
    pub chains: Vec<ChainName>,
    /// Who receives the money, where that is not the agent itself.
    pub recipient: Option<Address>,
    /// Whether this agent has paid [`Ask::recipient`] before.
    pub paid_before: bool,
    /// The service, for payments.
    pub service: Option<ServiceAsk>,
    /// The principal's value.
    pub principal: Usdc,
    /// What windows would count: the hold's amount.
    pub charge: Usdc,
    /// What of it the limits count.
    pub counting: Counting,
}

/// One rule that fails, with the facts of its `details`. What a rule has not, is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub rule: Rule,
    /// The amount it was asked about.
    pub amount: Option<Usdc>,
    /// Its limit.
    pub limit: Option<Usdc>,
    /// How its window stands.
    pub standing: Option<Standing>,
    /// What it is about, where that is no amount: an address, a host, an action.
    pub subject: Option<String>,
}

/// What a policy says about an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Every rule that fails, in order. Nothing fails: the ask is allowed.
    pub failures: Vec<Failure>,
    /// Why it needs an approval, if it does.
    pub step_up: Option<StepUp>,
    /// How the windows stand before it.
    pub windows: PerWindow<Standing>,
}

/// A refusal by policy: the `details` of `POLICY_VIOLATION`, but for the action's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the spending policy refuses this: {}", .first.rule)]
pub struct PolicyRefusal {
    /// The first rule that fails.
    pub first: Failure,
    /// All further ones.
    pub also_failed: Vec<Rule>,
    /// When the very same would pass if open holds settled now; never without a change if absent.
    pub available_at: Option<Timestamp>,
    /// The version of the policy that was asked.
    pub policy_version: u32,
}

impl Verdict {
    /// Whether no rule fails.
    pub fn is_allowed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The earliest instant at which the same ask passes if open holds settle now; nothing if it never does
    /// without a change of the policy or of the ask. `reached` is that of [`Usage::fits_at`].
    ///
    /// # Errors
    /// Those of `reached`.
    pub fn available_at<E>(
        &self,
        policy: &Policy,
        ask: &Ask,
        usage: &Usage,
        mut reached: impl FnMut(Usdc) -> Result<Timestamp, E>,
    ) -> Result<Option<Timestamp>, E> {
        let mut earliest = usage.at;
        for failure in &self.failures {
            let window = match failure.rule {
                Rule::Daily => Window::Daily,
                Rule::Weekly => Window::Weekly,
                Rule::Monthly => Window::Monthly,
                Rule::TimeWindow => continue,
                Rule::Freeze
                | Rule::ActionDisabled
                | Rule::TokenDisabled
                | Rule::ChainDisabled
                | Rule::RecipientDenied
                | Rule::RecipientNotAllowed
                | Rule::HostDenied
                | Rule::HostNotAllowed
                | Rule::HostMax
                | Rule::HostPayeePin
                | Rule::QuoteRequired
                | Rule::PerTx => return Ok(None),
            };
            let limit = policy.limits.get(window);
            match usage.fits_at(window, limit, ask.charge, &mut reached)? {
                Some(fits) => earliest = earliest.max(fits),
                None => return Ok(None),
            }
        }
        Ok(next_permitted(&policy.allowed_hours, &policy.quiet_hours, earliest))
    }

    /// The refusal it amounts to, if any rule fails.
    pub fn into_refusal(self, policy_version: u32, available_at: Option<Timestamp>) -> Option<PolicyRefusal> {
        let mut failures = self.failures.into_iter();
        let first = failures.next()?;
        let also_failed = failures.map(|failure| failure.rule).collect();
        Some(PolicyRefusal { first, also_failed, available_at, policy_version })
    }
}

/// Evaluates `policy` over `ask` at the instant of `usage`, for an agent that `stop` may stop.
pub fn evaluate(policy: &Policy, ask: &Ask, stop: Option<Stop>, usage: &Usage) -> Verdict {
    let mut failures = Vec::new();
    if let Some(stop) = stop {
        failures.push(Failure::about(Rule::Freeze, &stop));
    }
    judge_kind(policy, ask, usage.at, &mut failures);
    judge_recipient(policy, ask, &mut failures);
    judge_service(policy, ask, &mut failures);
    judge_amounts(policy, ask, usage, &mut failures);
    Verdict {
        failures,
        step_up: step_up(policy, ask),
        windows: policy.limits.map(|window, limit| usage.standing(window, limit)),
    }
}

impl Failure {
    fn about(rule: Rule, subject: &dyn ToString) -> Failure {
        Failure { rule, amount: None, limit: None, standing: None, subject: Some(subject.to_string()) }
    }

    fn over(rule: Rule, amount: Usdc, limit: Usdc) -> Failure {
        Failure { rule, amount: Some(amount), limit: Some(limit), standing: None, subject: None }
    }
}

fn judge_kind(policy: &Policy, ask: &Ask, now: Timestamp, failures: &mut Vec<Failure>) {
    if !policy.actions.has(&ask.action) {
        failures.push(Failure::about(Rule::ActionDisabled, &ask.action));
    }
    if let Some(token) = ask.tokens.iter().find(|token| !policy.tokens.has(token)) {
        failures.push(Failure::about(Rule::TokenDisabled, token));
    }
    if let Some(chain) = ask.chains.iter().find(|chain| !policy.chains.has(chain)) {
        failures.push(Failure::about(Rule::ChainDisabled, chain));
    }
    if !permit(&policy.allowed_hours, &policy.quiet_hours, now) {
        failures.push(Failure::about(Rule::TimeWindow, &now.to_rfc3339_millis()));
    }
}

fn judge_recipient(policy: &Policy, ask: &Ask, failures: &mut Vec<Failure>) {
    let Some(recipient) = ask.recipient else { return };
    let recipients = &policy.recipients;
    if recipients.deny.contains(&recipient) {
        failures.push(Failure::about(Rule::RecipientDenied, &recipient));
    }
    let entry = ask.service.as_ref().and_then(|service| policy.hosts.entry(&service.host));
    let named =
        entry.and_then(|entry| entry.pay_to.as_ref()).is_some_and(|payees| payees.contains(&recipient));
    let listed = recipients.allow.contains(&recipient) || named;
    if recipients.mode == ListMode::Allow && !listed {
        failures.push(Failure::about(Rule::RecipientNotAllowed, &recipient));
    }
}

fn judge_service(policy: &Policy, ask: &Ask, failures: &mut Vec<Failure>) {
    let Some(service) = &ask.service else { return };
    let hosts = &policy.hosts;
    let entry = hosts.entry(&service.host);
    if hosts.denies(&service.host) {
        failures.push(Failure::about(Rule::HostDenied, &service.host));
    }
    if hosts.mode == ListMode::Allow && entry.is_none() {
        failures.push(Failure::about(Rule::HostNotAllowed, &service.host));
    }
    let cap = entry.and_then(|entry| entry.max_per_call).zip(service.price);
    if let Some((limit, price)) = cap.filter(|(limit, price)| price > limit) {
        let subject = Some(service.host.to_string());
        failures.push(Failure { subject, ..Failure::over(Rule::HostMax, price, limit) });
    }
    let named = entry.and_then(|entry| entry.pay_to.as_ref());
    let stranger = service.payee.filter(|payee| match (named, service.pin) {
        (Some(payees), _) => !payees.contains(payee),
        (None, Some(pin)) => hosts.pin_payee == PinPayee::FirstUse && pin != *payee,
        (None, None) => false,
    });
    if let Some(payee) = stranger {
        failures.push(Failure::about(Rule::HostPayeePin, &payee));
    }
    if policy.require_quote && !service.quoted {
        failures.push(Failure::about(Rule::QuoteRequired, &service.host));
    }
}

fn judge_amounts(policy: &Policy, ask: &Ask, usage: &Usage, failures: &mut Vec<Failure>) {
    if ask.principal > policy.per_tx_limit {
        failures.push(Failure::over(Rule::PerTx, ask.principal, policy.per_tx_limit));
    }
    for window in Window::ALL {
        let limit = policy.limits.get(*window);
        if !usage.admits(*window, limit, ask.charge) {
            let standing = Some(usage.standing(*window, limit));
            failures.push(Failure { standing, ..Failure::over(Rule::of(*window), ask.charge, limit) });
        }
    }
}

fn step_up(policy: &Policy, ask: &Ask) -> Option<StepUp> {
    if policy.approval_threshold.is_some_and(|threshold| ask.principal > threshold) {
        return Some(StepUp::Amount);
    }
    let new = policy.recipients.new_recipient_approval && ask.recipient.is_some() && !ask.paid_before;
    new.then_some(StepUp::NewRecipient)
}

/// The digest of everything a verdict depends on beside the policy of that version: `decision.inputsHash` of a
/// receipt. SHA-256 of the RFC 8785 form of the facts as the API spells them.
///
/// # Errors
/// [`NotCanonical`], which strings, booleans and one small number never give.
pub fn inputs_hash(
    policy_version: u32,
    ask: &Ask,
    stop: Option<Stop>,
    usage: &Usage,
) -> Result<Digest, NotCanonical> {
    let texts = |items: Vec<String>| Value::from(items);
    let shown = |amount: Usdc| amount.to_string();
    let service = ask.service.as_ref().map(|service| {
        json!({
            "host": service.host.as_str(),
            "payTo": service.payee.map(|payee| payee.to_string()),
            "pin": service.pin.map(|pin| pin.to_string()),
            "priceUsdc": service.price.map(shown),
            "quoted": service.quoted,
        })
    });
    let used = usage.gone.map(|window, _| usage.used(window));
    let inputs = json!({
        "action": ask.action.as_str(),
        "at": usage.at.to_rfc3339_millis(),
        "chains": texts(ask.chains.iter().map(ToString::to_string).collect()),
        "chargeUsdc": shown(ask.charge),
        "counting": ask.counting.as_str(),
        "held": shown(usage.held),
        "paidBefore": ask.paid_before,
        "policyVersion": policy_version,
        "principalUsdc": shown(ask.principal),
        "recipient": ask.recipient.map(|recipient| recipient.to_string()),
        "service": service,
        "stop": stop.map(|stop| stop.to_string()),
        "tokens": texts(ask.tokens.iter().map(ToString::to_string).collect()),
        "used": {
            "daily": shown(used.daily), "weekly": shown(used.weekly), "monthly": shown(used.monthly),
        },
    });
    canonical::digest(&inputs)
}

#[cfg(test)]
mod tests;
