//! What is issued for a request, and each refusal.

use aegis_core::json::parse;
use aegis_passport::bundle::Bundle;
use aegis_passport::document::SignedPassport;
use aegis_passport::ids::AgentKey;
use aegis_passport::issue::{AgentStatus, IssueRefused, IssueRequest, KeyOffer, Life, draft};
use aegis_passport::lineage::check_chain;
use aegis_passport::risk::Risk;
use aegis_passport::verdict::Reason;

use crate::world::{World, noon, reference_request, scopes};

/// The reference call yields the contract's defaults, a chained document, and reads back as itself.
#[test]
fn reference_call_gets_the_defaults() {
    let mut world = World::new();
    let drafted = world.draft(&reference_request(), None).unwrap();
    let passport = drafted.passport.clone();
    assert_eq!(passport.expires_at.seconds_since(noon()), 31_536_000);
    assert_eq!(passport.staleness_budget_seconds, 300);
    assert_eq!(passport.scopes, scopes(&["*"]));
    assert_eq!((passport.delegation.depth(), passport.delegation.max_depth), (0, 0));
    assert_eq!((passport.lineage_seq, passport.schema_minor), (1, 0));
    assert_eq!(passport.audit_lineage_hash, drafted.entry.hash());
    assert_eq!(drafted.entry.body_digest, passport.body_digest());
    assert_eq!(check_chain(passport.agent_id, &[drafted.entry]).unwrap().seq, 1);
    assert_eq!(drafted.pins.len(), 2);
    let signed = passport.sign(&world.key);
    let read = SignedPassport::read(&parse(signed.canonical(), 32).unwrap()).unwrap();
    assert_eq!(read, signed);
}

/// A further passport continues its agent's chain.
#[test]
fn further_passports_continue_the_chain() {
    let mut world = World::new();
    let first = world.draft(&reference_request(), None).unwrap();
    let mut moment =
        aegis_core::moment::Moment::new(noon(), aegis_core::entropy::Entropy::from_seed([9; 32]));
    let mut context = world.context(None, &mut moment);
    context.agent.agent_id = first.passport.agent_id;
    context.agent.head = first.entry.head();
    let second = draft(&reference_request(), &context).unwrap();
    assert_eq!(second.passport.lineage_seq, 2);
    assert_eq!(second.entry.prev, first.passport.audit_lineage_hash);
    assert!(check_chain(first.passport.agent_id, &[first.entry, second.entry]).is_ok());
}

fn refused(change: impl FnOnce(&mut IssueRequest)) -> IssueRefused {
    let mut request = reference_request();
    change(&mut request);
    World::new().draft(&request, None).unwrap_err()
}

/// Members that contradict each other are all named at once, each with its pointer.
#[test]
fn all_violations_come_at_once() {
    let IssueRefused::Invalid(violations) = refused(|request| {
        request.risk_classification = Risk::Critical;
        request.staleness_budget_seconds = Some(61);
        request.life = Life::Seconds(7_776_001);
        request.delegation_max_depth = Some(9);
    }) else {
        panic!("not a violation")
    };
    let pointers: Vec<&str> = violations.iter().map(aegis_passport::issue::IssueViolation::pointer).collect();
    assert_eq!(pointers, ["/staleness_budget_seconds", "/ttl_seconds", "/delegation_max_depth"]);
    for life in [Life::Seconds(59), Life::Seconds(31_622_401), Life::Until(noon())] {
        assert!(matches!(refused(|request| request.life = life), IssueRefused::Invalid(_)), "{life:?}");
    }
}

/// Lifetimes: both bounds are inside; fractions of a second are cut; critical has its own default.
#[test]
fn lifetimes_have_bounds() {
    let lifetime = |risk, life| {
        let mut request = reference_request();
        request.risk_classification = risk;
        request.policy_bundle = Bundle::parse("gdpr").unwrap();
        request.life = life;
        World::new().draft(&request, None).unwrap().passport.expires_at.seconds_since(noon())
    };
    assert_eq!(lifetime(Risk::Minimal, Life::Seconds(60)), 60);
    assert_eq!(lifetime(Risk::Minimal, Life::Seconds(31_622_400)), 31_622_400);
    let fraction = aegis_core::time::Timestamp::from_micros(noon().as_micros() + 100_999_999);
    assert_eq!(lifetime(Risk::High, Life::Until(fraction)), 100);
    assert_eq!(lifetime(Risk::Critical, Life::Default), 7_776_000);
}

/// Agent state comes before possession, possession before policy: with everything wrong the first is told.
#[test]
fn refusals_come_in_order() {
    let mut world = World::new();
    let mut moment =
        aegis_core::moment::Moment::new(noon(), aegis_core::entropy::Entropy::from_seed([9; 32]));
    let parent = {
        let mut request = reference_request();
        request.delegation_max_depth = Some(1);
        world.issue(&request, None)
    };
    let mut request = reference_request();
    request.agent_key = KeyOffer::Unproven(AgentKey::from_bytes([0; 32]));
    request.policy_bundle = Bundle::parse("nowhere").unwrap();
    let mut context = world.context(Some(&parent), &mut moment);
    if let Some(parent) = &mut context.parent {
        parent.standing = Err(Reason::Revoked);
    }
    context.agent.status = AgentStatus::Suspended;
    context.agent.live_passports = 16;
    let suspended = Err(IssueRefused::AgentNotActive(AgentStatus::Suspended));
    assert_eq!(draft(&request, &context), suspended);
    context.agent.status = AgentStatus::Active;
    assert_eq!(draft(&request, &context), Err(IssueRefused::PassportLimit));
    context.agent.live_passports = 15;
    assert_eq!(draft(&request, &context), Err(IssueRefused::WeakKey));
    request.agent_key = KeyOffer::Unproven(AgentKey::from_bytes(*world.key.public().as_bytes()));
    assert_eq!(draft(&request, &context), Err(IssueRefused::ProofOfPossessionRequired));
    request.agent_key = KeyOffer::Absent;
    context.agent_key_required_from = Some(Risk::High);
    assert_eq!(draft(&request, &context), Err(IssueRefused::ProofOfPossessionRequired));
    context.agent_key_required_from = Some(Risk::Critical);
    assert!(matches!(draft(&request, &context), Err(IssueRefused::PackUnknown(_))));
    request.policy_bundle = Bundle::parse("eu_ai_act").unwrap();
    assert_eq!(draft(&request, &context), Err(IssueRefused::ParentNotUsable(Reason::Revoked)));
    if let Some(parent) = &mut context.parent {
        parent.standing = Ok(());
    }
    assert!(matches!(draft(&request, &context), Err(IssueRefused::DelegationExceeded(_))));
    request.policy_bundle = Bundle::parse("gdpr+eu_ai_act").unwrap();
    request.scopes = Some(scopes(&["mail:send"]));
    let child = draft(&request, &context).unwrap().passport;
    assert_eq!(child.expires_at, parent.passport().expires_at, "the default yields to the parent");
    assert_eq!(child.delegation.depth(), 1);
}

/// A critical agent under the AI Act is refused with the pack's stable code.
#[test]
fn pack_rules_decide() {
    let IssueRefused::PackViolated(broken) = refused(|request| request.risk_classification = Risk::Critical)
    else {
        panic!("no pack violation")
    };
    assert_eq!(broken[0].code.as_str(), "EU_AI_ACT_ATTESTATION_TIER_INSUFFICIENT");
    assert_eq!((broken[0].pack.as_str(), broken[0].rule.as_str()), ("eu_ai_act", "min_grade"));
}
