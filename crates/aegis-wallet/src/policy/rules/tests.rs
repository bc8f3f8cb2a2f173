//! Every rule alone and all of them together.

use std::collections::BTreeSet;
use std::convert::Infallible;

use super::*;
use crate::policy::Permitted;
use crate::policy::hosts::{HostEntry, HostPattern};
use crate::policy::hours::tests::always;
use crate::stop::FreezeScope;

const NOW: Timestamp = Timestamp::from_seconds(1_778_277_600);
const PAYEE: Address = Address::from_bytes([7; 20]);
const OTHER: Address = Address::from_bytes([8; 20]);

fn transfer(usdc: u32) -> Ask {
    Ask {
        action: FinancialAction::Transfer,
        tokens: vec![Token::Usdc],
        chains: vec![ChainName::parse("Arc_Testnet").unwrap()],
        recipient: Some(PAYEE),
        paid_before: false,
        service: None,
        principal: Usdc::whole(usdc),
        charge: Usdc::whole(usdc),
        counting: Counting::Spending,
    }
}

fn payment(usdc: u32) -> Ask {
    let service = ServiceAsk {
        host: Host::parse("shop.example").unwrap(),
        price: Some(Usdc::whole(usdc)),
        payee: Some(PAYEE),
        pin: None,
        quoted: false,
    };
    Ask { action: FinancialAction::Pay, service: Some(service), ..transfer(usdc) }
}

fn entry(pay_to: Option<Vec<Address>>, max: Option<u32>) -> HostEntry {
    let host = HostPattern::parse("shop.example").unwrap();
    HostEntry { host, pay_to, max_per_call: max.map(Usdc::whole) }
}

fn rules(policy: &Policy, ask: &Ask) -> Vec<Rule> {
    let verdict = evaluate(policy, ask, None, &Usage::none(NOW));
    verdict.failures.into_iter().map(|failure| failure.rule).collect()
}

fn changed(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::default();
    change(&mut policy);
    policy
}

/// The default policy lets an ordinary transfer pass and names its limit for a large one, as the contract's example.
#[test]
fn default_policy() {
    assert_eq!(rules(&Policy::default(), &transfer(10_000)), []);
    let usage = Usage::none(NOW);
    let ask = transfer(20_000);
    let verdict = evaluate(&Policy::default(), &ask, None, &usage);
    let at = verdict.available_at(&Policy::default(), &ask, &usage, |_| Ok::<_, Infallible>(NOW)).unwrap();
    let refusal = verdict.into_refusal(1, at).unwrap();
    assert_eq!((refusal.first.rule, refusal.available_at, refusal.also_failed.len()), (Rule::PerTx, None, 0));
    assert_eq!(refusal.first.limit.unwrap().to_string(), "10000.00");
    assert_eq!(refusal.first.amount.unwrap().to_string(), "20000.00");
    assert_eq!(refusal.to_string(), "the spending policy refuses this: per_tx");
}

/// What, with what, where and when.
#[test]
fn kinds_and_hours() {
    let only = |action| changed(|policy| policy.actions = Permitted::Only(BTreeSet::from([action])));
    assert_eq!(rules(&only(FinancialAction::Swap), &transfer(1)), [Rule::ActionDisabled]);
    assert_eq!(rules(&only(FinancialAction::Transfer), &transfer(1)), []);
    let policy = changed(|policy| policy.tokens = Permitted::Only(BTreeSet::from([Token::Eurc])));
    assert_eq!(rules(&policy, &transfer(1)), [Rule::TokenDisabled]);
    let policy = changed(|policy| policy.chains = Permitted::Only(BTreeSet::new()));
    assert_eq!(rules(&policy, &transfer(1)), [Rule::ChainDisabled]);
    let policy = changed(|policy| policy.quiet_hours = vec![always("UTC")]);
    assert_eq!(rules(&policy, &transfer(1)), [Rule::TimeWindow]);
}

/// Denied beats allowed; a host entry that names the payee allows it.
#[test]
fn recipients() {
    let policy = changed(|policy| {
        policy.recipients.allow = BTreeSet::from([PAYEE]);
        policy.recipients.deny = BTreeSet::from([PAYEE]);
        policy.recipients.mode = ListMode::Allow;
    });
    assert_eq!(rules(&policy, &transfer(1)), [Rule::RecipientDenied]);
    let mut policy = changed(|policy| policy.recipients.mode = ListMode::Allow);
    assert_eq!(rules(&policy, &transfer(1)), [Rule::RecipientNotAllowed]);
    policy.hosts.allow = vec![entry(Some(vec![PAYEE]), None)];
    assert_eq!(rules(&policy, &payment(1)), []);
    assert_eq!(rules(&policy, &transfer(1)), [Rule::RecipientNotAllowed], "only for that host");
}

/// Hosts: denied, not listed, too dear, another payee, no quote.
#[test]
fn services() {
    let pattern = || HostPattern::parse("shop.example").unwrap();
    assert_eq!(
        rules(&changed(|policy| policy.hosts.deny = vec![pattern()]), &payment(1)),
        [Rule::HostDenied]
    );
    assert_eq!(
        rules(&changed(|policy| policy.hosts.mode = ListMode::Allow), &payment(1)),
        [Rule::HostNotAllowed]
    );
    let dear = changed(|policy| policy.hosts.allow = vec![entry(None, Some(5))]);
    assert_eq!(rules(&dear, &payment(5)), []);
    assert_eq!(rules(&dear, &payment(6)), [Rule::HostMax]);
    let named = changed(|policy| policy.hosts.allow = vec![entry(Some(vec![OTHER]), None)]);
    assert_eq!(rules(&named, &payment(1)), [Rule::HostPayeePin]);
    let mut pinned = payment(1);
    if let Some(service) = &mut pinned.service {
        service.pin = Some(OTHER);
    }
    assert_eq!(rules(&Policy::default(), &pinned), [Rule::HostPayeePin]);
    assert_eq!(rules(&changed(|policy| policy.hosts.pin_payee = PinPayee::Off), &pinned), []);
    assert_eq!(rules(&changed(|policy| policy.require_quote = true), &payment(1)), [Rule::QuoteRequired]);
    assert_eq!(rules(&changed(|policy| policy.require_quote = true), &transfer(1)), []);
}

/// A window counts principal and fees, the transaction limit the principal alone.
#[test]
fn fees_count_in_windows_only() {
    let policy = changed(|policy| {
        policy.per_tx_limit = Usdc::whole(10);
        policy.limits =
            PerWindow { daily: Usdc::whole(10), weekly: Usdc::whole(11), monthly: Usdc::whole(12) };
    });
    let ask = Ask { charge: Usdc::whole(11), ..transfer(10) };
    assert_eq!(rules(&policy, &ask), [Rule::Daily]);
    assert_eq!(
        rules(&policy, &Ask { charge: Usdc::whole(13), ..transfer(11) }),
        [Rule::PerTx, Rule::Daily, Rule::Weekly, Rule::Monthly]
    );
}

/// Everything that fails is named, in the order of evaluation, which is the order of the set.
#[test]
fn order_is_the_contracts() {
    let policy = changed(|policy| {
        policy.actions = Permitted::Only(BTreeSet::new());
        policy.tokens = Permitted::Only(BTreeSet::new());
        policy.chains = Permitted::Only(BTreeSet::new());
        policy.quiet_hours = vec![always("UTC")];
        policy.recipients.deny = BTreeSet::from([PAYEE]);
        policy.recipients.mode = ListMode::Allow;
        policy.hosts.deny = vec![HostPattern::parse("shop.example").unwrap()];
        policy.hosts.allow = vec![entry(Some(vec![OTHER]), Some(1))];
        policy.require_quote = true;
    });
    let stop = Some(Stop::Frozen(FreezeScope::Instance));
    let verdict = evaluate(&policy, &payment(600_000), stop, &Usage::none(NOW));
    let failed: Vec<Rule> = verdict.failures.iter().map(|failure| failure.rule).collect();
    let all = Rule::ALL.iter().copied().filter(|rule| *rule != Rule::HostNotAllowed);
    assert_eq!(failed, all.collect::<Vec<_>>());
    let refusal = verdict.into_refusal(3, None).unwrap();
    assert_eq!((refusal.first.rule, refusal.also_failed.len()), (Rule::Freeze, 14));
}

/// Above the threshold and never paid before park the action; exactly the threshold does not.
#[test]
fn step_up_reasons() {
    let step_up = |policy: &Policy, ask: &Ask| evaluate(policy, ask, None, &Usage::none(NOW)).step_up;
    let threshold = changed(|policy| policy.approval_threshold = Some(Usdc::whole(5)));
    assert_eq!(step_up(&threshold, &transfer(5)), None);
    assert_eq!(step_up(&threshold, &transfer(6)), Some(StepUp::Amount));
    let new = changed(|policy| policy.recipients.new_recipient_approval = true);
    assert_eq!(step_up(&new, &transfer(1)), Some(StepUp::NewRecipient));
    assert_eq!(step_up(&new, &Ask { paid_before: true, ..transfer(1) }), None);
}

/// Hours and windows are waited for together; what no waiting cures has no instant.
#[test]
fn available_when_all_rules_pass() {
    let policy = changed(|policy| {
        policy.limits.daily = Usdc::whole(10_000);
        policy.allowed_hours =
            vec![crate::policy::hours::tests::hours(crate::policy::hours::Day::ALL, "09:00", "10:00", "UTC")];
    });
    let spent = Timestamp::parse_seconds("2026-05-08T21:00:00Z").unwrap();
    let usage = Usage { total: Usdc::whole(10_000), ..Usage::none(NOW) };
    let find = |ask: &Ask, stop| {
        let verdict = evaluate(&policy, ask, stop, &usage);
        verdict.available_at(&policy, ask, &usage, |_| Ok::<_, Infallible>(spent)).unwrap()
    };
    let opening = Timestamp::parse_seconds("2026-05-10T09:00:00Z");
    assert_eq!(find(&transfer(1), None), opening, "the window is free at 21:00 on the 9th");
    assert_eq!(find(&transfer(10_001), None), None);
    assert_eq!(find(&transfer(1), Some(Stop::Suspended)), None);
}

/// The inputs' digest changes with each fact.
#[test]
fn inputs_are_bound() {
    let usage = Usage::none(NOW);
    let base = inputs_hash(1, &transfer(1), None, &usage);
    assert!(base.is_ok());
    let others = [
        inputs_hash(2, &transfer(1), None, &usage),
        inputs_hash(1, &transfer(2), None, &usage),
        inputs_hash(1, &payment(1), None, &usage),
        inputs_hash(1, &transfer(1), Some(Stop::Suspended), &usage),
        inputs_hash(1, &transfer(1), None, &Usage { held: Usdc::whole(1), ..usage }),
    ];
    assert!(others.iter().all(|other| *other != base));
    assert_eq!(base, inputs_hash(1, &transfer(1), None, &usage));
}
