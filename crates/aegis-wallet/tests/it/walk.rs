//! One payment from the mailed code to the receipt, by the rules alone.

use aegis_core::crypto::digest::Digest;
use aegis_core::entropy::Entropy;
use aegis_core::id::AgentId;
use aegis_core::json;
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_wallet::action::ActionState;
use aegis_wallet::agent_token::AgentTokenSecret;
use aegis_wallet::email::Email;
use aegis_wallet::idempotency::{IdempotencyKey, KeyRules, KeyStage, Known, LookUp, fingerprint, look_up};
use aegis_wallet::nonce::Nonce;
use aegis_wallet::onboarding::{MailChallenge, OneTimeCode};
use aegis_wallet::policy::Policy;
use aegis_wallet::totp::TotpSecret;
use aegis_wallet::transfer::{Fields, Surroundings, read};

use crate::world::World;

const BODY: &str = r#"{"destination": "0x8E8F5064f20D235F899c7553F1BEE77A235F4828", "amount": "10.00"}"#;

/// The reference page's calls, in their order: code, token, headers, transfer, and the same transfer again.
#[test]
fn reference_page_line_by_line() {
    let mut moment = Moment::new(Timestamp::from_seconds(1_000), Entropy::from_seed([8; 32]));
    let email = Email::parse("your-agent@example.com").unwrap();
    let code = OneTimeCode::generate(moment.entropy());
    let challenge = MailChallenge::issue(email.clone(), code.sealed(moment.entropy().bytes()), moment.now());
    let typed = OneTimeCode::parse(&code.reveal().to_lowercase()).unwrap();
    let tried = MailChallenge::attempt(Some(&challenge), &email, &typed, moment.now());
    assert_eq!(tried.outcome, Ok(()));
    let token = AgentTokenSecret::generate(moment.entropy());
    assert!(AgentTokenSecret::parse(token.reveal()).is_ok());

    let agent: AgentId = moment.new_id();
    let key = IdempotencyKey::read(&["550e8400-e29b-41d4-a716-446655440000"]).unwrap();
    let print =
        fingerprint("POST", "/v1/actions/transfer", &json::parse(BODY.as_bytes(), 64).unwrap()).unwrap();
    let rules = KeyRules { strict: false, retention_days: 30 };
    assert_eq!(look_up(None, &print, rules, moment.now()), LookUp::First);
    assert_ne!(key.record_key(agent), Digest::ZERO);

    let fields =
        Fields { destination: "0x8E8F5064f20D235F899c7553F1BEE77A235F4828", amount: "10.00", token: None };
    let contracts = std::collections::BTreeSet::new();
    let own = aegis_wallet::address::Address::from_bytes([1; 20]);
    let transfer =
        read(fields, &Surroundings { own, contracts: &contracts, require_checksum: false }).unwrap();
    assert_eq!(transfer.amount.to_string(), "10.00");

    let mut world = World::new(Policy::default());
    world.deposit(1_000_000_000);
    let nonce = Nonce::read(&["0"]).unwrap();
    world.transfer(7, 10_000_000, nonce, None).unwrap();
    world.sign(0);
    world.submit(0);
    world.land(0, true, 21);
    world.confirm(0);
    assert_eq!((world.actions[0].state, world.nonce.get()), (ActionState::Success, 1));
    assert_eq!(world.usage().total.to_string(), "10.000021");

    let action = world.actions[0].id;
    let known = Known { fingerprint: print, stage: KeyStage::Final { action, at: moment.now() } };
    let again = look_up(Some(&known), &print, rules, moment.now());
    assert_eq!(again, LookUp::Replay { action, mismatch: false });
}

/// Invariant 22, the part of the rules: no secret is in what a log line could print of it.
#[test]
fn secrets_are_not_printed() {
    let mut entropy = Entropy::from_seed([9; 32]);
    let code = OneTimeCode::generate(&mut entropy);
    let token = AgentTokenSecret::generate(&mut entropy);
    let totp = TotpSecret::generate(&mut entropy);
    assert!(!format!("{code:?}").contains(code.reveal()));
    assert!(!format!("{token:?}").contains(token.reveal()));
    assert!(!format!("{totp:?}").contains(&format!("{:?}", totp.reveal())));
}
