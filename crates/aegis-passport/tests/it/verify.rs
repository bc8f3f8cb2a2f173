//! The verify algorithm, step by step, over passports that were really issued.

use aegis_core::crypto::sign::SigningKey;
use aegis_core::json::{Json, parse};
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_passport::attestation::Grade;
use aegis_passport::bundle::PackName;
use aegis_passport::document::SignedPassport;
use aegis_passport::expect::{Demanded, Expectation, Presentation};
use aegis_passport::facts::{
    Ancestor, AncestorFact, Facts, Freshness, Revocation, RevocationReason, Span, StatusRecord, WhenStale,
    WithdrawnPack,
};
use aegis_passport::ids::{AgentKey, Did};
use aegis_passport::issue::KeyOffer;
use aegis_passport::keys::{KeyBook, KeyRecord, KeyState, Purpose};
use aegis_passport::risk::Risk;
use aegis_passport::scope::Scope;
use aegis_passport::text::Printable;
use aegis_passport::verdict::{Outcome, Reason, Verdict};
use aegis_passport::verify::{Ask, Proven, judge, stopped, verify};

use crate::world::{World, facts_of, noon, reference_request, registered, scopes};

fn later(seconds: i64) -> Timestamp {
    noon().plus_seconds(seconds)
}

fn check(world: &World, passport: &SignedPassport, facts: &Facts<'_>, ask: &Ask) -> Verdict {
    let json = parse(passport.canonical(), 64).unwrap();
    verify(&json, &world.keys, |_| *facts, ask)
}

/// Invariant 1, first half: what was issued verifies, and every check says so.
#[test]
fn issued_passports_verify() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let verdict = check(&world, &passport, &facts_of(&passport), &Ask::now(later(1800)));
    assert!(verdict.valid && verdict.proven && !verdict.revoked);
    assert_eq!((verdict.reason, verdict.reason_text(), verdict.valid_as_known_at), (None, None, None));
    let checks = &verdict.checks;
    assert_eq!(checks.key.key_status, Some(KeyState::Active));
    assert_eq!(checks.time.seconds_left, Some(31_534_200));
    assert_eq!((checks.lineage.seq, checks.lineage.log_index), (Some(1), Some(7731)));
    assert_eq!((checks.status.sequence, checks.status.age_seconds), (Some(481), Some(0)));
    assert_eq!(
        (checks.delegation.outcome, checks.possession),
        (Outcome::NotApplicable, Outcome::NotApplicable)
    );
    assert_eq!((checks.attestation, checks.policy.outcome), (Outcome::Pass, Outcome::Pass));
}

/// Steps 2–5 stop at the first failure, echo nothing, and never ask for facts.
#[test]
fn early_steps_stop() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let no_facts = |_: &SignedPassport| -> Facts<'static> { panic!("facts of an unproven passport") };
    let ask = Ask::now(noon());
    let stranger = Did::parse("did:web:other.example").unwrap();
    let own = world.key_record().clone();
    let status_key = KeyRecord { purpose: Purpose::Status, ..own.clone() };
    let other_key = SigningKey::from_seed(&Secret::new([1; 32])).public();
    let wrong_key = KeyRecord { public_key: other_key, ..own };
    for (keys, reason) in [
        (KeyBook::new(stranger, []), Reason::IssuerUnknown),
        (KeyBook::new(world.issuer.clone(), []), Reason::KeyUnknown),
        (KeyBook::new(world.issuer.clone(), [status_key]), Reason::KeyPurposeMismatch),
        (KeyBook::new(world.issuer.clone(), [wrong_key]), Reason::SignatureInvalid),
    ] {
        let json = parse(passport.canonical(), 64).unwrap();
        let verdict = verify(&json, &keys, no_facts, &ask);
        assert_eq!(
            (verdict.reason, verdict.proven, verdict.valid, verdict.revoked),
            (Some(reason), false, false, false)
        );
        assert_eq!(verdict.checks.time.outcome, Outcome::Skipped);
        let failed = verdict.checks.outcomes().into_iter().filter(|outcome| outcome.reason() == Some(reason));
        assert_eq!(failed.count(), 1);
    }
    let verdict = verify(&parse(br#"{"agent_id":"x"}"#, 8).unwrap(), &world.keys, no_facts, &ask);
    assert_eq!(verdict.reason, Some(Reason::SchemaInvalid));
    assert_eq!(verdict.reason_text(), Some("/schema_version is required"));
    assert_eq!(
        stopped(Reason::PassportUnknown, &ask).checks.lineage.outcome,
        Outcome::Fail(Reason::PassportUnknown)
    );
}

fn edited(
    passport: &SignedPassport,
    edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) -> Option<Reason> {
    let mut value: serde_json::Value = serde_json::from_slice(passport.canonical()).unwrap();
    edit(value.as_object_mut().unwrap());
    let text = serde_json::to_vec(&value).unwrap();
    let json: Json<'_> = parse(&text, 64).unwrap();
    match SignedPassport::read(&json) {
        Ok(_) => None,
        Err(error) if error.is_unsupported() => Some(Reason::SchemaUnsupported),
        Err(_) => Some(Reason::SchemaInvalid),
    }
}

/// Versions: strangers are refused in 1.0, ignored in a later minor unless critical, and another major is
/// unsupported rather than invalid.
#[test]
fn versions_and_criticality() {
    let passport = World::new().issue(&reference_request(), None);
    let invalid = Some(Reason::SchemaInvalid);
    let unsupported = Some(Reason::SchemaUnsupported);
    for (members, expected) in [
        (serde_json::json!({"extra": 1}), invalid),
        (serde_json::json!({"schema_version": "1.1", "extra": 1}), None),
        (serde_json::json!({"schema_version": "1.1", "extra": null}), invalid),
        (serde_json::json!({"schema_version": "1.1", "extra": 1, "crit": ["extra"]}), unsupported),
        (serde_json::json!({"schema_version": "1.0", "crit": ["scopes"]}), None),
        (serde_json::json!({"crit": []}), invalid),
        (serde_json::json!({"schema_version": "2.0"}), unsupported),
        (serde_json::json!({"schema_version": "1.00"}), invalid),
        (serde_json::json!({"schema_version": "1"}), invalid),
        (serde_json::json!({"schema_version": "1.1", "typ": "x"}), invalid),
        (serde_json::json!({"staleness_budget_seconds": 301}), invalid),
        (serde_json::json!({"expires_at": "2026-05-08T22:00:00Z"}), invalid),
        (serde_json::json!({"revocation_check": "no need"}), invalid),
        (serde_json::json!({"scopes": ["b", "a"]}), invalid),
        (serde_json::json!({"status": {"index": 131_072, "list_url": "https://a/1"}}), invalid),
        (serde_json::json!({"delegation": {"depth": 1, "max_depth": 0}}), invalid),
    ] {
        let reason = edited(&passport, |document| document.extend(members.as_object().unwrap().clone()));
        assert_eq!(reason, expected, "{members}");
    }
}

/// Steps 6 and 7: key life and passport life, each at its edges.
#[test]
fn time_has_edges() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let reason = |t| check(&world, &passport, &facts_of(&passport), &Ask::now(t)).reason;
    assert_eq!(reason(later(-61)), Some(Reason::NotYetValid));
    assert_eq!(reason(later(-60)), None);
    assert_eq!(reason(later(31_535_999)), None);
    assert_eq!(reason(later(31_536_000)), Some(Reason::Expired));
    let young = KeyRecord { not_before: later(1), ..world.key_record().clone() };
    let proven = Proven::by_signature(&passport, &young, &world.keys).unwrap();
    let verdict = judge(proven, &facts_of(&passport), &Ask::now(later(9)));
    assert_eq!(verdict.reason, Some(Reason::KeyNotValidAtIssue));
    assert_eq!(verdict.checks.time.outcome, Outcome::Pass, "later steps still run");
}

/// Step 8: unknown, altered, and known by digest alone; later steps are skipped when it fails.
#[test]
fn registration_decides() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let ask = Ask::now(later(1));
    let revocation =
        Revocation { effective_from: noon(), revoked_at: noon(), reason_code: RevocationReason::Unspecified };
    let revoked = StatusRecord { revocation: Some(revocation), ..StatusRecord::default() };
    let unknown = Facts { registered: None, status: revoked, ..facts_of(&passport) };
    let verdict = check(&world, &passport, &unknown, &ask);
    assert_eq!((verdict.reason, verdict.revoked), (Some(Reason::PassportUnknown), false));
    assert_eq!(verdict.checks.status.outcome, Outcome::Skipped);
    let mut other = registered(&passport);
    other.document_digest = None;
    let facts = Facts { registered: Some(other), ..facts_of(&passport) };
    assert!(check(&world, &passport, &facts, &ask).valid);
    other.body_digest = other.lineage_hash;
    let facts = Facts { registered: Some(other), ..facts_of(&passport) };
    assert_eq!(check(&world, &passport, &facts, &ask).reason, Some(Reason::LineageMismatch));
}

/// Invariant 8: a thief with the key dates a passport into the past. Not registered it never verifies; with the key
/// revoked it fails at the key too, while one logged before still verifies.
#[test]
fn stolen_keys_sign_nothing_believable() {
    let mut world = World::new();
    let honest = world.issue(&reference_request(), None);
    let forged = {
        let mut document = honest.passport().clone();
        document.risk_classification = Risk::Minimal;
        document.issued_at = later(-600);
        document.sign(&world.key)
    };
    let unknown = Facts { registered: None, ..facts_of(&forged) };
    let ask = Ask::now(later(100));
    assert_eq!(check(&world, &forged, &unknown, &ask).reason, Some(Reason::PassportUnknown));
    let mut record = world.key_record().clone();
    record.revoke(later(50), later(60)).unwrap();
    let keys = world.keys.clone();
    let judged =
        |passport, facts| judge(Proven::by_signature(passport, &record, &keys).unwrap(), &facts, &ask);
    assert_eq!(judged(&forged, unknown).reason, Some(Reason::KeyRevoked));
    assert!(judged(&honest, facts_of(&honest)).valid);
    let unlogged = aegis_passport::facts::Registered { logged_at: None, ..registered(&honest) };
    let facts = Facts { registered: Some(unlogged), ..facts_of(&honest) };
    assert_eq!(judged(&honest, facts).reason, Some(Reason::KeyRevoked));
}

/// Invariant 16: remembering that a signature was proven changes nothing but the work.
#[test]
fn remembered_signatures_change_no_verdict() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    for seconds in [-100, 0, 31_536_000] {
        for registration in [None, Some(registered(&passport))] {
            let facts = Facts { registered: registration, ..facts_of(&passport) };
            let ask = Ask { at: Some(later(seconds)), ..Ask::now(later(10)) };
            let key = world.key_record();
            let proven = judge(Proven::by_signature(&passport, key, &world.keys).unwrap(), &facts, &ask);
            assert_eq!(judge(Proven::remembered(&passport, key), &facts, &ask), proven);
            assert_eq!(check(&world, &passport, &facts, &ask), proven);
        }
    }
}

/// Invariant 5, and the order of reasons: a revoked passport that also expired says expired, and revoked.
#[test]
fn revoked_is_told_beside_the_reason() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let revocation = Revocation {
        effective_from: later(10),
        revoked_at: later(20),
        reason_code: RevocationReason::KeyCompromise,
    };
    let status = StatusRecord { revocation: Some(revocation), ..StatusRecord::default() };
    let facts = Facts { status, ..facts_of(&passport) };
    let verdict = check(&world, &passport, &facts, &Ask::now(later(30)));
    assert_eq!((verdict.reason, verdict.revoked), (Some(Reason::Revoked), true));
    assert_eq!(verdict.checks.status.effective_from, Some(later(10)));
    let expired = check(&world, &passport, &facts, &Ask::now(later(40_000_000)));
    assert_eq!((expired.reason, expired.revoked), (Some(Reason::Expired), true));
    let before = Ask { at: Some(later(9)), ..Ask::now(later(30)) };
    let verdict = check(&world, &passport, &facts, &before);
    assert_eq!((verdict.valid, verdict.revoked, verdict.valid_as_known_at), (true, false, Some(true)));
    // Invariant 17: between effect and record it was not valid, but nobody could know.
    let between = Ask { at: Some(later(15)), ..Ask::now(later(30)) };
    let verdict = check(&world, &passport, &facts, &between);
    assert_eq!((verdict.valid, verdict.revoked, verdict.valid_as_known_at), (false, true, Some(true)));
}

/// Step 10: suspensions of passport, agent and operator hold while they last; supersession from its instant.
#[test]
fn status_knows_every_state() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let spans = [Span { from: later(10), until: Some(later(20)) }, Span { from: later(30), until: None }];
    let base = StatusRecord::default();
    for (status, expected) in [
        (StatusRecord { suspensions: &spans, ..base }, Reason::Suspended),
        (StatusRecord { agent_suspensions: &spans, ..base }, Reason::Suspended),
        (StatusRecord { operator_suspensions: &spans, ..base }, Reason::OperatorSuspended),
    ] {
        let facts = Facts { status, ..facts_of(&passport) };
        let reason = |t| check(&world, &passport, &facts, &Ask::now(later(t))).reason;
        assert_eq!(
            [9, 10, 19, 20, 29, 30].map(reason),
            [None, Some(expected), Some(expected), None, None, Some(expected)]
        );
    }
    let facts =
        Facts { status: StatusRecord { superseded_at: Some(later(10)), ..base }, ..facts_of(&passport) };
    let reason = |t| check(&world, &passport, &facts, &Ask::now(later(t))).reason;
    assert_eq!([9, 10].map(reason), [None, Some(Reason::Superseded)]);
}

/// Step 9: a stale node refuses unless the caller or the operator opted in, and never beyond the budget.
#[test]
fn stale_status_needs_consent() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let reason = |age_seconds, max_staleness_seconds, when_stale| {
        let freshness = Freshness { fresh: false, as_of: noon(), age_seconds, sequence: 1 };
        let ask = Ask { max_staleness_seconds, when_stale, ..Ask::now(later(1)) };
        check(&world, &passport, &Facts { freshness, ..facts_of(&passport) }, &ask).reason
    };
    let stale = Some(Reason::StatusStale);
    assert_eq!(reason(0, None, WhenStale::Refuse), stale);
    assert_eq!(reason(10, Some(10), WhenStale::Refuse), None);
    assert_eq!(reason(11, Some(10), WhenStale::Budget), stale);
    assert_eq!(reason(300, Some(86_400), WhenStale::Refuse), None);
    assert_eq!(reason(301, Some(86_400), WhenStale::Refuse), stale, "never beyond the budget of 300 s");
    assert_eq!(reason(300, None, WhenStale::Budget), None);
    assert_eq!(reason(301, None, WhenStale::Budget), stale);
}

/// Step 13: withdrawn packs from their instant; every unmet demand is named.
#[test]
fn policy_and_expectations() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let gone = [WithdrawnPack { name: PackName::parse("gdpr").unwrap(), withdrawn_at: later(10) }];
    let facts = Facts { withdrawn_packs: &gone, packs_outdated: true, ..facts_of(&passport) };
    assert!(check(&world, &passport, &facts, &Ask::now(later(9))).valid);
    let verdict = check(&world, &passport, &facts, &Ask::now(later(10)));
    assert_eq!(verdict.reason, Some(Reason::PolicyWithdrawn));
    assert_eq!(verdict.checks.policy.withdrawn[0].as_str(), "gdpr");
    let expect = Expectation {
        min_grade: Some(Grade::Attested),
        max_risk: Some(Risk::Limited),
        scopes: vec![Scope::parse("mail:send").unwrap()],
        ..Expectation::default()
    };
    let verdict = check(&world, &passport, &facts_of(&passport), &Ask { expect, ..Ask::now(later(1)) });
    assert_eq!(verdict.reason, Some(Reason::ExpectationFailed));
    assert_eq!(verdict.checks.policy.unmet, [Demanded::MinGrade, Demanded::MaxRisk]);
}

/// Step 14: asked for and absent; made for another nonce, another time, by another key; and good.
#[test]
fn possession_is_proven_fresh() {
    let mut world = World::new();
    let agent = SigningKey::from_seed(&Secret::new([3; 32]));
    let mut request = reference_request();
    request.agent_key = KeyOffer::Proven(AgentKey::from_bytes(*agent.public().as_bytes()));
    let passport = world.issue(&request, None);
    let (aud, nonce) = (Printable::parse("shop.example").unwrap(), Printable::parse("nonce-0001").unwrap());
    let expect =
        Expectation { audience: Some(aud.clone()), nonce: Some(nonce.clone()), ..Expectation::default() };
    let present = |key: &SigningKey, iat, nonce| {
        let unsigned = Presentation { iat, nonce, aud: aud.clone(), signature: key.sign(b"") };
        let signature = key.sign(&unsigned.message(passport.passport().passport_id));
        Some(Presentation { signature, ..unsigned })
    };
    let reason = |presentation, expect: &Expectation| {
        let ask = Ask { expect: expect.clone(), presentation, ..Ask::now(later(100)) };
        check(&world, &passport, &facts_of(&passport), &ask).reason
    };
    let invalid = Some(Reason::PossessionInvalid);
    assert_eq!(reason(None, &expect), Some(Reason::PossessionRequired));
    assert_eq!(reason(present(&agent, later(40), nonce.clone()), &expect), None);
    assert_eq!(reason(present(&agent, later(160), nonce.clone()), &expect), None);
    assert_eq!(reason(present(&agent, later(39), nonce.clone()), &expect), invalid);
    assert_eq!(
        reason(present(&agent, later(100), Printable::parse("nonce-0002").unwrap()), &expect),
        invalid
    );
    assert_eq!(reason(present(&world.key, later(100), nonce.clone()), &expect), invalid);
    assert_eq!(
        reason(present(&agent, later(100), nonce), &Expectation::default()),
        invalid,
        "answers no one"
    );
}

fn ancestor<'a>(world: &'a World, passport: &'a SignedPassport, status: StatusRecord<'a>) -> Ancestor<'a> {
    let document = passport.passport();
    Ancestor {
        stands_for: document.passport_id,
        passport: document,
        key: world.key_record(),
        logged_at: Some(noon()),
        status,
        pins: None,
    }
}

/// Step 11 and invariant 7: a child falls with its parent, for the parent's reason, and needs it at hand.
#[test]
fn children_fall_with_their_parents() {
    let mut world = World::new();
    let mut request = reference_request();
    request.delegation_max_depth = Some(2);
    let root = world.issue(&request, None);
    request.delegation_max_depth = Some(1);
    request.scopes = Some(scopes(&["mail:*"]));
    let middle = world.issue(&request, Some(&root));
    request.delegation_max_depth = None;
    request.scopes = Some(scopes(&["mail:send"]));
    let leaf = world.issue(&request, Some(&middle));
    let reason = |ancestors: &[AncestorFact<'_>], t| {
        let json = parse(leaf.canonical(), 64).unwrap();
        let facts = Facts { ancestors, ..facts_of(&leaf) };
        let proven = SignedPassport::read(&json).unwrap();
        let proven = Proven::remembered(&proven, world.key_record());
        judge(proven, &facts, &Ask::now(t)).reason
    };
    let good = StatusRecord::default();
    let chain = |status| {
        [
            AncestorFact::Held(ancestor(&world, &middle, good)),
            AncestorFact::Held(ancestor(&world, &root, status)),
        ]
    };
    assert_eq!(reason(&chain(good), later(1)), None);
    assert_eq!(reason(&[], later(1)), Some(Reason::ChainIncomplete));
    assert_eq!(reason(&chain(good)[..1], later(1)), Some(Reason::ChainIncomplete));
    assert_eq!(reason(&chain(good)[1..], later(1)), Some(Reason::ChainIncomplete));
    let revocation = Revocation {
        effective_from: later(10),
        revoked_at: later(10),
        reason_code: RevocationReason::Unspecified,
    };
    let revoked = StatusRecord { revocation: Some(revocation), ..good };
    assert_eq!(reason(&chain(revoked), later(9)), None);
    assert_eq!(reason(&chain(revoked), later(10)), Some(Reason::ParentRevoked));
    let span = [Span { from: later(10), until: None }];
    let suspended = StatusRecord { operator_suspensions: &span, ..good };
    assert_eq!(reason(&chain(suspended), later(10)), Some(Reason::ParentSuspended));
    let broken = [
        AncestorFact::Held(ancestor(&world, &middle, good)),
        AncestorFact::Broken { stands_for: root.passport().passport_id, reason: Reason::SignatureInvalid },
    ];
    assert_eq!(reason(&broken, later(1)), Some(Reason::ParentInvalid));

    // A head that allows less than its child uses: the child exceeds it, and the bounds say where.
    let mut narrowed = root.passport().clone();
    narrowed.scopes = scopes(&["files:read"]);
    narrowed.expires_at = later(5000);
    let amended = Ancestor { passport: &narrowed, ..ancestor(&world, &root, good) };
    let facts_chain = [AncestorFact::Held(ancestor(&world, &middle, good)), AncestorFact::Held(amended)];
    assert_eq!(reason(&facts_chain, later(1)), Some(Reason::DelegationExceeded));
    assert_eq!(reason(&facts_chain, later(5000)), Some(Reason::ParentExpired));
}
