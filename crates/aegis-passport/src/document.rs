//! The passport, its canonical bytes, its signature.
//!
//! [`Passport`] is what a passport says; [`SignedPassport`] is one that was read or signed, together with the
//! exact bytes its signature covers. The bytes come from the document itself, not from the typed fields, so
//! members of a later minor version stay covered.

use std::ops::Range;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::{PreparedKey, PublicKey, Signature, SignatureRefused, SigningKey};
use aegis_core::id::AgentId;
use aegis_core::json::Json;
use aegis_core::time::Timestamp;

use crate::attestation::CapabilityAttestation;
use crate::bundle::Bundle;
use crate::delegation::Delegation;
use crate::fields::{Fields, Flaw, Malformed, Strangers, items, number_in, text_item};
use crate::ids::{AgentKey, Did, KeyId, OperatorId, PassportId};
use crate::profile::{INTEGER_MAX, ObjectWriter, canonical_with_places};
use crate::risk::Risk;
use crate::scope::{SCOPES_MAX, Scope, Scopes};
use crate::text::{AgentName, Jurisdiction, Printable};

/// The one value of `revocation_check` in all of 1.x.
pub const REVOCATION_CHECK: &str = "call POST /api/agent/verify to check revocation status";
/// Indexes of one status list: 0 to this minus one.
pub const STATUS_LIST_ENTRIES: u32 = 131_072;
/// The minor version this reader knows completely.
const MINOR_KNOWN: u32 = 0;

pub(crate) const TIME_FORM: &str = "a UTC time YYYY-MM-DDThh:mm:ssZ";
pub(crate) const DIGEST_FORM: &str = "sha256: and 64 lower-case hex";

/// The names of all members of a 1.0 passport.
const MEMBERS: [&str; 25] = [
    "agent_id",
    "agent_name",
    "agent_pubkey",
    "audit_lineage_hash",
    "capability_attestation",
    "crit",
    "delegation",
    "expires_at",
    "issued_at",
    "issuer",
    "jurisdiction",
    "key_id",
    "lineage_seq",
    "operator_id",
    "passport_id",
    "policy_bundle",
    "policy_bundle_digest",
    "revocation_check",
    "risk_classification",
    "schema_version",
    "scopes",
    "signature",
    "staleness_budget_seconds",
    "status",
    "supersedes",
];

/// The place of a passport's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPlace {
    /// URL of the status list.
    pub list_url: ListUrl,
    /// Position in it, below [`STATUS_LIST_ENTRIES`].
    pub index: u32,
}

/// An `http` or `https` URL of at most 512 printable characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListUrl(Printable<8, 512>);

impl ListUrl {
    /// Takes a URL by its scheme and characters; it is never fetched here.
    pub fn parse(text: &str) -> Option<ListUrl> {
        let scheme = text.starts_with("https://") || text.starts_with("http://");
        if scheme && !text.contains(' ') { Printable::parse(text).map(ListUrl) } else { None }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Everything a passport says, except its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passport {
    /// Minor version of the schema; the major is 1.
    pub schema_minor: u32,
    /// This passport.
    pub passport_id: PassportId,
    /// The agent it vouches for.
    pub agent_id: AgentId,
    /// Who answers for the agent.
    pub operator_id: OperatorId,
    /// Who signs.
    pub issuer: Did,
    /// The operator's name for the agent.
    pub agent_name: Option<AgentName>,
    /// Where the agent works.
    pub jurisdiction: Jurisdiction,
    /// Declared risk.
    pub risk_classification: Risk,
    /// Policy packs, as the operator wrote them.
    pub policy_bundle: Bundle,
    /// Digest that pins the packs' exact bytes.
    pub policy_bundle_digest: Digest,
    /// What the agent runs on.
    pub capability_attestation: CapabilityAttestation,
    /// Ceiling of grants.
    pub scopes: Scopes,
    /// Place in its tree.
    pub delegation: Delegation,
    /// The key the agent has proven to hold.
    pub agent_pubkey: Option<AgentKey>,
    /// The passport this one took the place of.
    pub supersedes: Option<PassportId>,
    /// How old a verifier's status may be.
    pub staleness_budget_seconds: u32,
    /// Where its status is found.
    pub status: StatusPlace,
    /// Start of life.
    pub issued_at: Timestamp,
    /// End of life: valid before this instant.
    pub expires_at: Timestamp,
    /// The issuer's key.
    pub key_id: KeyId,
    /// Position of its lineage entry.
    pub lineage_seq: u64,
    /// Hash of its lineage entry.
    pub audit_lineage_hash: Digest,
    /// Members a reader must understand.
    pub crit: Vec<Printable<1, 64>>,
}

impl Passport {
    /// Digest of the RFC 8785 form without `signature` and `audit_lineage_hash`: what lineage binds. It does
    /// not depend on `audit_lineage_hash`, so it can be asked for before that is known.
    pub fn body_digest(&self) -> Digest {
        let (bytes, places) = self.written(None);
        body_digest(&bytes, &places)
    }

    /// Signs the passport. The key must be the one `key_id` names; whoever holds keys sees to that.
    pub fn sign(self, key: &SigningKey) -> SignedPassport {
        let (message, _) = self.written(None);
        let signature = key.sign(&message);
        let (bytes, places) = self.written(Some(&signature));
        let digest = Digest::of(&[&bytes]);
        SignedPassport { passport: self, signature, bytes, places, digest }
    }

    fn written(&self, signature: Option<&Signature>) -> (Vec<u8>, Places) {
        let mut bytes = Vec::with_capacity(1536);
        let mut places = Places { lineage: 0..0, signature: 0..0 };
        let mut out = ObjectWriter::open(&mut bytes);
        out.shown("agent_id", &self.agent_id);
        out.shown_if("agent_name", self.agent_name.as_ref());
        out.shown_if("agent_pubkey", self.agent_pubkey.as_ref());
        // A place runs to the next member: from one comma to just before the next, moved right by one.
        places.lineage.start = out.position() + 1;
        out.shown("audit_lineage_hash", &self.audit_lineage_hash);
        places.lineage.end = out.position() + 1;
        out.object("capability_attestation", |out| self.capability_attestation.write(out));
        if !self.crit.is_empty() {
            out.texts("crit", self.crit.iter().map(Printable::as_str));
        }
        out.object("delegation", |out| self.delegation.write(out));
        out.shown("expires_at", &self.expires_at);
        out.shown("issued_at", &self.issued_at);
        out.text("issuer", self.issuer.as_str());
        out.text("jurisdiction", self.jurisdiction.as_str());
        out.shown("key_id", &self.key_id);
        out.number("lineage_seq", self.lineage_seq);
        out.text("operator_id", self.operator_id.as_str());
        out.shown("passport_id", &self.passport_id);
        out.text("policy_bundle", self.policy_bundle.as_str());
        out.shown("policy_bundle_digest", &self.policy_bundle_digest);
        out.text("revocation_check", REVOCATION_CHECK);
        out.text("risk_classification", self.risk_classification.as_str());
        out.text("schema_version", &format!("1.{}", self.schema_minor));
        out.texts("scopes", self.scopes.as_slice().iter().map(Scope::as_str));
        places.signature.start = out.position() + 1;
        out.shown_if("signature", signature);
        places.signature.end = out.position() + 1;
        out.number("staleness_budget_seconds", u64::from(self.staleness_budget_seconds));
        out.object("status", |out| {
            out.number("index", u64::from(self.status.index));
            out.text("list_url", self.status.list_url.as_str());
        });
        out.shown_if("supersedes", self.supersedes.as_ref());
        out.close();
        (bytes, places)
    }
}

/// Where two members stand in canonical bytes, each with the comma after it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    lineage: Range<usize>,
    signature: Range<usize>,
}

/// The pieces of `bytes` that are left when both places are cut out.
fn body_digest(bytes: &[u8], places: &Places) -> Digest {
    let piece = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    Digest::of(&[
        piece(0..places.lineage.start),
        piece(places.lineage.end..places.signature.start),
        piece(places.signature.end..bytes.len()),
    ])
}

/// A passport with its signature and canonical bytes. Whether the signature holds is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPassport {
    passport: Passport,
    signature: Signature,
    bytes: Vec<u8>,
    places: Places,
    digest: Digest,
}

impl SignedPassport {
    /// Reads a passport strictly by the rules of schema 1: profile, members, forms, and what members of one
    /// document must be to one another.
    ///
    /// # Errors
    /// [`Malformed`] naming the first place that is not as it should be; [`Malformed::is_unsupported`] when
    /// the document is of another major version or demands something this reader does not know.
    pub fn read(json: &Json<'_>) -> Result<SignedPassport, Malformed> {
        let names = ["audit_lineage_hash", "signature"];
        let (bytes, [lineage, signature_place]) = canonical_with_places(json, names)?;
        let (passport, signature) = read_members(json)?;
        let places = Places { lineage, signature: signature_place };
        let digest = Digest::of(&[&bytes]);
        Ok(SignedPassport { passport, signature, bytes, places, digest })
    }

    /// What it says.
    pub fn passport(&self) -> &Passport {
        &self.passport
    }

    /// The signature it carries.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The RFC 8785 bytes, signature included.
    pub fn canonical(&self) -> &[u8] {
        &self.bytes
    }

    /// The RFC 8785 bytes without the signature: what is signed.
    pub fn message(&self) -> Vec<u8> {
        let (before, after) = self.around_signature();
        [before, after].concat()
    }

    fn around_signature(&self) -> (&[u8], &[u8]) {
        let before = self.bytes.get(..self.places.signature.start).unwrap_or_default();
        let after = self.bytes.get(self.places.signature.end..).unwrap_or_default();
        (before, after)
    }

    /// SHA-256 of the canonical bytes with signature. It stands for key, bytes and signature at once (the
    /// bytes name the key by its thumbprint), so a verifier may remember it once the signature was proven.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Digest of the document without `signature` and `audit_lineage_hash`: what lineage binds.
    pub fn body_digest(&self) -> Digest {
        body_digest(&self.bytes, &self.places)
    }

    /// Checks the signature, strictly. `key` must be the one `key_id` names.
    ///
    /// # Errors
    /// [`SignatureRefused`] when it does not hold.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), SignatureRefused> {
        key.verify(&self.message(), &self.signature)
    }

    /// [`SignedPassport::verify_signature`] under a key prepared in advance.
    ///
    /// # Errors
    /// [`SignatureRefused`] when it does not hold.
    pub fn verify_prepared(&self, key: &PreparedKey) -> Result<(), SignatureRefused> {
        let (before, after) = self.around_signature();
        key.verify(&[before, after], &self.signature)
    }
}

/// Version and criticality come first: they decide by which rules the rest is read.
fn read_version(json: &Json<'_>) -> Result<(u32, Vec<Printable<1, 64>>, Strangers), Malformed> {
    let version = |flaw| Malformed::at("/schema_version", flaw);
    let text = json.get("schema_version").ok_or_else(|| version(Flaw::Missing))?;
    let parts = text.as_str().and_then(|text| text.split_once('.')).and_then(|(major, minor)| {
        let number = |text: &str| {
            let plain = text == "0" || !text.starts_with('0');
            if plain && text.len() <= 4 { crate::profile::integer(text) } else { None }
        };
        Some((number(major)?, u32::try_from(number(minor)?).ok()?))
    });
    let (major, minor) = parts.ok_or_else(|| version(Flaw::Form("MAJOR.MINOR")))?;
    if major != 1 {
        return Err(version(Flaw::UnknownVersion));
    }
    if json.get("typ").is_some() {
        return Err(Malformed::at(
            "/typ",
            Flaw::Misplaced("a passport is told from other objects by having none"),
        ));
    }
    let crit = json.get("crit").map(read_crit).transpose().map_err(|flaw| flaw.within("crit"))?;
    let strangers = if minor > MINOR_KNOWN { Strangers::Ignored } else { Strangers::Refused };
    Ok((minor, crit.unwrap_or_default(), strangers))
}

fn read_crit(json: &Json<'_>) -> Result<Vec<Printable<1, 64>>, Malformed> {
    let name = |item| text_item(item, "a member name of 1-64 characters", Printable::parse);
    let names: Vec<Printable<1, 64>> = items(json, "1-8 member names", 1..=8, name)?;
    match names.iter().position(|name| !MEMBERS.contains(&name.as_str())) {
        Some(index) => Err(Malformed::at(&format!("/{index}"), Flaw::UnknownCritical)),
        None => Ok(names),
    }
}

fn read_scopes(json: &Json<'_>) -> Result<Scopes, Malformed> {
    let scopes =
        items(json, "at most 64 scopes", 0..=SCOPES_MAX, |item| text_item(item, Scope::FORM, Scope::parse))?;
    Scopes::from_ascending(scopes)
        .ok_or_else(|| Malformed::at("", Flaw::Form("unique and in ascending order")))
}

fn read_status(json: &Json<'_>, strangers: Strangers) -> Result<StatusPlace, Malformed> {
    let mut fields = Fields::of(json, strangers)?;
    let last = u64::from(STATUS_LIST_ENTRIES - 1);
    let index = fields.number("index", "a number from 0 to 131071", 0..=last)?;
    let list_url = fields.text("list_url", "an http or https URL", ListUrl::parse)?;
    fields.end()?;
    Ok(StatusPlace { list_url, index })
}

fn read_members(json: &Json<'_>) -> Result<(Passport, Signature), Malformed> {
    let (schema_minor, crit, strangers) = read_version(json)?;
    let mut f = Fields::of(json, strangers)?;
    let agent_id = f.text("agent_id", "agent_ and 32 hex of a UUID", AgentId::parse)?;
    let agent_name = f.optional_text("agent_name", "1-64 characters", AgentName::parse)?;
    let agent_pubkey = f.optional_text("agent_pubkey", AgentKey::FORM, AgentKey::parse)?;
    let audit_lineage_hash = f.text("audit_lineage_hash", DIGEST_FORM, Digest::parse)?;
    let capability_attestation =
        f.nested("capability_attestation", |json| CapabilityAttestation::read(json, strangers))?;
    f.optional("crit")?;
    let delegation = f.nested("delegation", |json| Delegation::read(json, strangers))?;
    let expires_at = f.text("expires_at", TIME_FORM, Timestamp::parse_seconds)?;
    let issued_at = f.text("issued_at", TIME_FORM, Timestamp::parse_seconds)?;
    let issuer = f.text("issuer", Did::FORM, Did::parse)?;
    let jurisdiction = f.text("jurisdiction", Jurisdiction::FORM, Jurisdiction::parse)?;
    let key_id = f.text("key_id", "an RFC 7638 thumbprint, 43 characters", KeyId::parse)?;
    let lineage_seq = f.number("lineage_seq", "a positive integer", 1..=INTEGER_MAX)?;
    let operator_id = f.text("operator_id", OperatorId::FORM, OperatorId::parse)?;
    let passport_id = f.text("passport_id", "pp_ and 32 hex of a UUID", PassportId::parse)?;
    let policy_bundle = f.text("policy_bundle", Bundle::FORM, Bundle::parse)?;
    let policy_bundle_digest = f.text("policy_bundle_digest", DIGEST_FORM, Digest::parse)?;
    f.text("revocation_check", "the constant of schema 1", |text| (text == REVOCATION_CHECK).then_some(()))?;
    let risk_classification =
        f.text("risk_classification", "minimal, limited, high or critical", Risk::parse)?;
    f.required("schema_version")?;
    let scopes = f.nested("scopes", read_scopes)?;
    let signature = f.text("signature", "ed25519: and 86 characters base64url", Signature::parse)?;
    let staleness_budget_seconds =
        f.nested("staleness_budget_seconds", |json| read_budget(json, risk_classification))?;
    let status = f.nested("status", |json| read_status(json, strangers))?;
    let supersedes = f.optional_text("supersedes", "a passport id", PassportId::parse)?;
    f.end()?;
    if expires_at <= issued_at {
        return Err(Malformed::at("/expires_at", Flaw::Contradiction("it must come after issued_at")));
    }
    let passport = Passport {
        schema_minor,
        passport_id,
        agent_id,
        operator_id,
        issuer,
        agent_name,
        jurisdiction,
        risk_classification,
        policy_bundle,
        policy_bundle_digest,
        capability_attestation,
        scopes,
        delegation,
        agent_pubkey,
        supersedes,
        staleness_budget_seconds,
        status,
        issued_at,
        expires_at,
        key_id,
        lineage_seq,
        audit_lineage_hash,
        crit,
    };
    Ok((passport, signature))
}

fn read_budget(json: &Json<'_>, risk: Risk) -> Result<u32, Malformed> {
    let budget: u32 = number_in(json, 1..=86_400)
        .ok_or_else(|| Malformed::at("", Flaw::Form("a number of seconds from 1 to 86400")))?;
    if budget > risk.staleness_max_seconds() {
        return Err(Malformed::at(
            "",
            Flaw::Contradiction("it is above the maximum of the risk classification"),
        ));
    }
    Ok(budget)
}
