//! One issuer with its key, packs and clock: what issue and verify tests start from.

use aegis_core::crypto::sign::SigningKey;
use aegis_core::entropy::Entropy;
use aegis_core::moment::Moment;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_passport::attestation::AttestationClaim;
use aegis_passport::bundle::Bundle;
use aegis_passport::document::{ListUrl, SignedPassport, StatusPlace};
use aegis_passport::facts::{Facts, Freshness, Registered, StatusRecord};
use aegis_passport::ids::{ActorId, Did, KeyId, OperatorId};
use aegis_passport::issue::{
    AgentState, Draft, IssueContext, IssueRefused, IssueRequest, KeyOffer, Life, Parent, draft,
};
use aegis_passport::keys::{KeyBook, KeyRecord, Purpose};
use aegis_passport::pack::{Pack, PackShelf, PackStatus, SHIPPED_PACKS};
use aegis_passport::risk::Risk;
use aegis_passport::scope::{Scope, Scopes};
use aegis_passport::text::{Jurisdiction, Printable};

/// 2026-05-08T22:00:00Z, the instant of the contract's examples.
pub(crate) fn noon() -> Timestamp {
    Timestamp::parse_seconds("2026-05-08T22:00:00Z").unwrap()
}

pub(crate) fn scopes(texts: &[&str]) -> Scopes {
    Scopes::from_any_order(texts.iter().map(|text| Scope::parse(text).unwrap()).collect()).unwrap()
}

/// The reference page's call.
pub(crate) fn reference_request() -> IssueRequest {
    IssueRequest {
        operator_id: OperatorId::parse("op_acme_corp").unwrap(),
        jurisdiction: Jurisdiction::parse("EU").unwrap(),
        risk_classification: Risk::High,
        policy_bundle: Bundle::parse("eu_ai_act+gdpr").unwrap(),
        attestation: AttestationClaim {
            model: Printable::parse("claude-opus-4-7").unwrap(),
            provider_signature: Printable::parse("...").unwrap(),
            provider: None,
            model_digest: None,
            tools_digest: None,
        },
        agent_name: None,
        scopes: None,
        staleness_budget_seconds: None,
        life: Life::Default,
        delegation_max_depth: None,
        agent_key: KeyOffer::Absent,
    }
}

pub(crate) struct World {
    pub(crate) key: SigningKey,
    pub(crate) keys: KeyBook,
    pub(crate) shelf: PackShelf,
    pub(crate) scopes_default: Scopes,
    pub(crate) issuer: Did,
    pub(crate) place: StatusPlace,
    pub(crate) actor: ActorId,
    pub(crate) moment: Moment,
}

impl World {
    pub(crate) fn new() -> World {
        let key = SigningKey::from_seed(&Secret::new([42; 32]));
        let issuer = Did::from_origin("https://id.example.org").unwrap();
        let start = noon().plus_seconds(-3600);
        let record = KeyRecord::activated(key.public(), Purpose::Passport, start, None);
        let packs = SHIPPED_PACKS.map(|bytes| (Pack::read(bytes).unwrap(), PackStatus::Active));
        World {
            keys: KeyBook::new(issuer.clone(), [record]),
            key,
            shelf: PackShelf::new(packs.into()),
            scopes_default: Scopes::everything(),
            issuer,
            place: StatusPlace {
                list_url: ListUrl::parse("https://id.example.org/status/1").unwrap(),
                index: 94_567,
            },
            actor: ActorId::parse("op_acme_corp").unwrap(),
            moment: Moment::new(noon(), Entropy::from_seed([1; 32])),
        }
    }

    pub(crate) fn key_record(&self) -> &KeyRecord {
        self.keys.get(&KeyId::of(&self.key.public())).unwrap()
    }

    /// What the instance contributes for a new agent.
    pub(crate) fn context<'w>(
        &'w self,
        parent: Option<&'w SignedPassport>,
        moment: &mut Moment,
    ) -> IssueContext<'w> {
        IssueContext {
            now: moment.now(),
            issuer: &self.issuer,
            key_id: KeyId::of(&self.key.public()),
            passport_id: moment.new_id(),
            agent: AgentState::new(moment.new_id()),
            status: &self.place,
            shelf: &self.shelf,
            parent: parent.map(|parent| Parent { passport: parent.passport(), pins: None, standing: Ok(()) }),
            actor: &self.actor,
            scopes_default: &self.scopes_default,
            agent_key_required_from: None,
        }
    }

    pub(crate) fn draft(
        &mut self,
        request: &IssueRequest,
        parent: Option<&SignedPassport>,
    ) -> Result<Draft, IssueRefused> {
        let mut moment =
            std::mem::replace(&mut self.moment, Moment::new(noon(), Entropy::from_seed([0; 32])));
        let drafted = draft(request, &self.context(parent, &mut moment));
        self.moment = moment;
        drafted
    }

    pub(crate) fn issue(
        &mut self,
        request: &IssueRequest,
        parent: Option<&SignedPassport>,
    ) -> SignedPassport {
        self.draft(request, parent).unwrap().passport.sign(&self.key)
    }
}

/// The registration of a passport as issued.
pub(crate) fn registered(passport: &SignedPassport) -> Registered {
    Registered {
        body_digest: passport.body_digest(),
        lineage_hash: passport.passport().audit_lineage_hash,
        document_digest: Some(*passport.digest()),
        log_index: Some(7731),
        logged_at: Some(passport.passport().issued_at),
    }
}

/// A healthy node's knowledge of a registered root passport.
pub(crate) fn facts_of(passport: &SignedPassport) -> Facts<'static> {
    Facts {
        registered: Some(registered(passport)),
        status: StatusRecord::default(),
        freshness: Freshness { fresh: true, as_of: noon(), age_seconds: 0, sequence: 481 },
        ancestors: &[],
        pins: None,
        withdrawn_packs: &[],
        packs_outdated: false,
        attester_compromised_at: None,
    }
}
