//! Issuing: may this operator issue this passport, and what exactly is issued.
//!
//! The request comes in typed; forms are checked where its JSON is read. What is decided here are rules that
//! need more than one field, or the state of the agent, the parent and the policy packs. Proof of possession
//! happens before: a key arrives here proven or not.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::AgentId;
use aegis_core::time::Timestamp;

use crate::attestation::AttestationClaim;
use crate::bundle::{Bundle, PinnedPack, bundle_digest};
use crate::closed_set::closed_set;
use crate::delegation::{Above, Bounds, DEPTH_MAX, Delegation, DelegationExceeded, narrow};
use crate::document::{Passport, StatusPlace};
use crate::ids::{ActorId, AgentKey, Did, KeyId, OperatorId, PassportId};
use crate::lineage::{Entry, Happening, Head, LineageEvent};
use crate::pack::{Pack, PackShelf, PackUnknown, PackViolation, Proposal};
use crate::risk::{Risk, TTL_MIN_SECONDS};
use crate::scope::Scopes;
use crate::text::{AgentName, Jurisdiction};
use crate::verdict::Reason;

/// Live passports of one agent at most.
pub const LIVE_PASSPORTS_MAX: usize = 16;

/// How long a passport is asked to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// The default of its risk; for a delegated passport not beyond its parent's end.
    Default,
    /// This many seconds from issue.
    Seconds(u32),
    /// Until this instant, cut to whole seconds.
    Until(Timestamp),
}

/// The agent key a request offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOffer {
    /// None.
    Absent,
    /// A key nobody has proven to hold.
    Unproven(AgentKey),
    /// A key the requester has just proven to hold.
    Proven(AgentKey),
}

impl KeyOffer {
    fn key(self) -> Option<AgentKey> {
        match self {
            KeyOffer::Absent => None,
            KeyOffer::Unproven(key) | KeyOffer::Proven(key) => Some(key),
        }
    }
}

/// What an operator asks to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRequest {
    /// Who answers for the agent.
    pub operator_id: OperatorId,
    /// Where it works.
    pub jurisdiction: Jurisdiction,
    /// Its risk.
    pub risk_classification: Risk,
    /// The packs it is issued under.
    pub policy_bundle: Bundle,
    /// What it runs on.
    pub attestation: AttestationClaim,
    /// The operator's name for it.
    pub agent_name: Option<AgentName>,
    /// Ceiling of grants.
    pub scopes: Option<Scopes>,
    /// How old a verifier's status may be.
    pub staleness_budget_seconds: Option<u32>,
    /// How long it lives.
    pub life: Life,
    /// Levels that may be added below; none by default.
    pub delegation_max_depth: Option<u8>,
    /// The key to bind.
    pub agent_key: KeyOffer,
}

closed_set! {
    /// The state of an agent as a whole.
    AgentStatus {
        /// May be issued passports.
        Active = "active",
        /// Paused.
        Suspended = "suspended",
        /// Final.
        Revoked = "revoked",
    }
}

/// The agent a passport is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentState {
    /// Who it is.
    pub agent_id: AgentId,
    /// Whether it may act.
    pub status: AgentStatus,
    /// Its passports that are neither expired, revoked nor superseded.
    pub live_passports: usize,
    /// The end of its lineage.
    pub head: Head,
}

impl AgentState {
    /// An agent nobody has seen before.
    pub const fn new(agent_id: AgentId) -> AgentState {
        AgentState { agent_id, status: AgentStatus::Active, live_passports: 0, head: Head::GENESIS }
    }
}

/// The passport above the one asked for.
#[derive(Debug, Clone, Copy)]
pub struct Parent<'a> {
    /// Its document.
    pub passport: &'a Passport,
    /// The packs it pins, where known.
    pub pins: Option<&'a [PinnedPack]>,
    /// Its verdict now.
    pub standing: Result<(), Reason>,
}

/// What the instance contributes to a passport.
#[derive(Debug, Clone, Copy)]
pub struct IssueContext<'a> {
    /// The instant of issue, not before the last log entry.
    pub now: Timestamp,
    /// Who signs.
    pub issuer: &'a Did,
    /// The active passport key.
    pub key_id: KeyId,
    /// The name of the new passport.
    pub passport_id: PassportId,
    /// The agent.
    pub agent: AgentState,
    /// A status index never used before.
    pub status: &'a StatusPlace,
    /// The policy packs.
    pub shelf: &'a PackShelf,
    /// The passport above.
    pub parent: Option<Parent<'a>>,
    /// The organization that asks.
    pub actor: &'a ActorId,
    /// The ceiling of a request that names no scopes.
    pub scopes_default: &'a Scopes,
    /// From this risk on an agent must bind a key.
    pub agent_key_required_from: Option<Risk>,
}

/// A member of the request that cannot stand beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueViolation {
    /// More than the risk allows, or nothing.
    #[error("must be a number of seconds from 1 to {max} for this risk classification")]
    StalenessBudget {
        /// The maximum of the risk.
        max: u32,
    },
    /// Too short or too long a life.
    #[error("must give a lifetime of {min} to {max} seconds for this risk classification")]
    Lifetime {
        /// The shortest.
        min: u32,
        /// The longest of the risk.
        max: u32,
        /// Whether the request named an instant.
        until: bool,
    },
    /// More levels than any tree has.
    #[error("must be a number from 0 to 8")]
    MaxDepth,
}

impl IssueViolation {
    /// RFC 6901 pointer to the member.
    pub const fn pointer(&self) -> &'static str {
        match self {
            IssueViolation::StalenessBudget { .. } => "/staleness_budget_seconds",
            IssueViolation::Lifetime { until: true, .. } => "/expires_at",
            IssueViolation::Lifetime { until: false, .. } => "/ttl_seconds",
            IssueViolation::MaxDepth => "/delegation_max_depth",
        }
    }
}

/// A passport is not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueRefused {
    /// Members of the request contradict each other; all of them are listed.
    #[error("the request breaks {} rules", .0.len())]
    Invalid(Vec<IssueViolation>),
    /// The agent is suspended or revoked.
    #[error("the agent is {0}")]
    AgentNotActive(AgentStatus),
    /// A seventeenth live passport.
    #[error("the agent has {LIVE_PASSPORTS_MAX} live passports already")]
    PassportLimit,
    /// The offered key is weak, not canonical or no key at all.
    #[error("the agent key is not usable: no curve point, not canonical, or of small order")]
    WeakKey,
    /// A key is offered without proof, or required and absent.
    #[error("proof that the agent holds its key is required")]
    ProofOfPossessionRequired,
    /// A pack does not exist.
    #[error(transparent)]
    PackUnknown(#[from] PackUnknown),
    /// Rules of the packs are broken; all of them are listed.
    #[error("the passport breaks {} rules of its policy packs", .0.len())]
    PackViolated(Vec<PackViolation>),
    /// The parent is not valid now.
    #[error("the parent passport is not valid: {}", .0.sentence())]
    ParentNotUsable(Reason),
    /// The passport exceeds its parent.
    #[error(transparent)]
    DelegationExceeded(#[from] DelegationExceeded),
}

/// What will be issued: the passport, ready to be signed, and the lineage entry that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The document without signature.
    pub passport: Passport,
    /// Its lineage entry; the document carries the entry's hash.
    pub entry: Entry,
    /// The packs it pins, in the order of the bundle.
    pub pins: Vec<PinnedPack>,
}

/// Decides, in the order agent state, possession, policy, delegation; members of the request first.
///
/// # Errors
/// [`IssueRefused`], one variant per rule.
pub fn draft(request: &IssueRequest, context: &IssueContext<'_>) -> Result<Draft, IssueRefused> {
    let issued_at = context.now.whole_second();
    let expires_at = expiry(request, context, issued_at);
    let violations = violations(request, expires_at.seconds_since(issued_at));
    if !violations.is_empty() {
        return Err(IssueRefused::Invalid(violations));
    }
    check_agent(&context.agent)?;
    let agent_pubkey = check_possession(request, context)?;
    let attestation = request.attestation.clone().declared();
    let packs = context.shelf.pin(&request.policy_bundle)?;
    let proposal = Proposal {
        risk: request.risk_classification,
        grade: attestation.standing.grade(),
        ttl_seconds: expires_at.seconds_since(issued_at),
        jurisdiction: &request.jurisdiction,
        binds_agent_key: agent_pubkey.is_some(),
    };
    let broken: Vec<PackViolation> = packs.iter().flat_map(|pack| pack.violations(&proposal)).collect();
    if !broken.is_empty() {
        return Err(IssueRefused::PackViolated(broken));
    }
    let pins: Vec<PinnedPack> = packs.into_iter().map(Pack::pin).collect();
    let passport = Passport {
        schema_minor: 0,
        passport_id: context.passport_id,
        agent_id: context.agent.agent_id,
        operator_id: request.operator_id.clone(),
        issuer: context.issuer.clone(),
        agent_name: request.agent_name.clone(),
        jurisdiction: request.jurisdiction.clone(),
        risk_classification: request.risk_classification,
        policy_bundle: request.policy_bundle.clone(),
        policy_bundle_digest: bundle_digest(&pins),
        capability_attestation: attestation,
        scopes: request.scopes.as_ref().unwrap_or(context.scopes_default).clone(),
        delegation: placed_below(request, context.parent.as_ref()),
        agent_pubkey,
        supersedes: None,
        staleness_budget_seconds: staleness_budget(request, context.parent.as_ref()),
        status: context.status.clone(),
        issued_at,
        expires_at,
        key_id: context.key_id,
        lineage_seq: context.agent.head.seq.saturating_add(1),
        audit_lineage_hash: Digest::ZERO,
        crit: Vec::new(),
    };
    if let Some(parent) = &context.parent {
        parent.standing.map_err(IssueRefused::ParentNotUsable)?;
        narrow(&Bounds::of(&passport, Some(&pins)), &Bounds::of(parent.passport, parent.pins))?;
    }
    Ok(chained(passport, pins, context))
}

/// Puts the passport into its agent's lineage and the entry's hash into the passport.
fn chained(mut passport: Passport, pins: Vec<PinnedPack>, context: &IssueContext<'_>) -> Draft {
    let entry = Entry::after(
        context.agent.head,
        context.agent.agent_id,
        Happening {
            passport_id: Some(passport.passport_id),
            event: LineageEvent::Issue,
            body_digest: passport.body_digest(),
            actor: context.actor.clone(),
            at: passport.issued_at,
        },
    );
    passport.audit_lineage_hash = entry.hash();
    Draft { passport, entry, pins }
}

/// Defaults yield to the parent's bounds, since a default states no wish; explicit values do not.
fn expiry(request: &IssueRequest, context: &IssueContext<'_>, issued_at: Timestamp) -> Timestamp {
    match request.life {
        Life::Default => {
            let seconds = i64::from(request.risk_classification.ttl_default_seconds());
            let wished = issued_at.plus_seconds(seconds);
            context.parent.map_or(wished, |parent| wished.min(parent.passport.expires_at))
        }
        Life::Seconds(seconds) => issued_at.plus_seconds(i64::from(seconds)),
        Life::Until(instant) => instant.whole_second(),
    }
}

fn staleness_budget(request: &IssueRequest, parent: Option<&Parent<'_>>) -> u32 {
    let most = request.risk_classification.staleness_max_seconds();
    let default = parent.map_or(most, |parent| most.min(parent.passport.staleness_budget_seconds));
    request.staleness_budget_seconds.unwrap_or(default)
}

fn placed_below(request: &IssueRequest, parent: Option<&Parent<'_>>) -> Delegation {
    let above = parent.map(|parent| {
        let grand = parent.passport.delegation.above;
        Above {
            depth: parent.passport.delegation.depth().saturating_add(1),
            parent_passport_id: parent.passport.passport_id,
            root_passport_id: grand.map_or(parent.passport.passport_id, |above| above.root_passport_id),
        }
    });
    Delegation { max_depth: request.delegation_max_depth.unwrap_or(0), above }
}

fn violations(request: &IssueRequest, lifetime: i64) -> Vec<IssueViolation> {
    let risk = request.risk_classification;
    let mut violations = Vec::new();
    let max = risk.staleness_max_seconds();
    if request.staleness_budget_seconds.is_some_and(|asked| !(1..=max).contains(&asked)) {
        violations.push(IssueViolation::StalenessBudget { max });
    }
    let (min, max) = (TTL_MIN_SECONDS, risk.ttl_max_seconds());
    let until = matches!(request.life, Life::Until(_));
    // A default cut short by its parent is the parent's doing, not the request's.
    let asked = request.life != Life::Default;
    if asked && !(i64::from(min)..=i64::from(max)).contains(&lifetime) {
        violations.push(IssueViolation::Lifetime { min, max, until });
    }
    if request.delegation_max_depth.is_some_and(|depth| depth > DEPTH_MAX) {
        violations.push(IssueViolation::MaxDepth);
    }
    violations
}

fn check_agent(agent: &AgentState) -> Result<(), IssueRefused> {
    if agent.status != AgentStatus::Active {
        return Err(IssueRefused::AgentNotActive(agent.status));
    }
    if agent.live_passports >= LIVE_PASSPORTS_MAX { Err(IssueRefused::PassportLimit) } else { Ok(()) }
}

/// The key to bind. Its strength is judged before its proof: a weak key proves nothing.
fn check_possession(
    request: &IssueRequest,
    context: &IssueContext<'_>,
) -> Result<Option<AgentKey>, IssueRefused> {
    if request.agent_key.key().is_some_and(|key| key.public_key().is_err()) {
        return Err(IssueRefused::WeakKey);
    }
    let required = context.agent_key_required_from.is_some_and(|risk| request.risk_classification >= risk);
    match request.agent_key {
        KeyOffer::Proven(key) => Ok(Some(key)),
        KeyOffer::Absent if !required => Ok(None),
        KeyOffer::Absent | KeyOffer::Unproven(_) => Err(IssueRefused::ProofOfPossessionRequired),
    }
}
