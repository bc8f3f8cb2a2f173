//! Policy packs: what a law or standard asks in plain words, and the few demands that can be checked when a
//! passport is issued.
//!
//! A pack is an immutable file. Its obligations are for people; only its rules, from a closed set, decide.

use std::fmt;

use aegis_core::crypto::digest::Digest;
use aegis_core::json::{self, Json};
use aegis_core::time::Timestamp;

use crate::attestation::Grade;
use crate::bundle::{Bundle, PackName, PackVersion, PinnedPack};
use crate::closed_set::closed_set;
use crate::fields::{Fields, Flaw, Malformed, Strangers, items, text_item};
use crate::risk::{Risk, TTL_MAX_SECONDS};
use crate::text::Jurisdiction;

/// Bytes of a pack file at most.
pub const PACK_BYTES_MAX: usize = 256 * 1024;

/// One pack, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its name in bundles.
    pub name: PackName,
    /// Its version.
    pub version: PackVersion,
    /// When this version was published.
    pub released_at: Timestamp,
    /// What it is about, one line.
    pub title: String,
    /// The law or standard it summarises.
    pub source: String,
    /// What the source asks, in plain words.
    pub obligations: Vec<String>,
    /// What is checked at issuance.
    pub rules: Vec<PackRule>,
    /// Digest of the file's bytes.
    pub sha256: Digest,
}

/// One demand on a passport about to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRule {
    /// The stable code of a breach, `SCREAMING_SNAKE`.
    pub code: RuleCode,
    /// The rule applies from this risk upwards.
    pub from_risk: Risk,
    /// What is demanded.
    pub demand: Demand,
}

/// The closed set of demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// The passport lives at most this long.
    MaxTtlSeconds(u32),
    /// The capability attestation is worth at least this.
    MinGrade(Grade),
    /// The declared risk is at least this.
    MinRisk(Risk),
    /// The jurisdiction is one of these, or a subdivision of one.
    Jurisdictions(Vec<Jurisdiction>),
    /// The agent has proven to hold a key.
    RequireAgentPubkey,
}

closed_set! {
    /// The names of the demands, as violations report them.
    RuleName {
        /// [`Demand::Jurisdictions`]
        Jurisdictions = "jurisdictions",
        /// [`Demand::MaxTtlSeconds`]
        MaxTtlSeconds = "max_ttl_seconds",
        /// [`Demand::MinGrade`]
        MinGrade = "min_grade",
        /// [`Demand::MinRisk`]
        MinRisk = "min_risk",
        /// [`Demand::RequireAgentPubkey`]
        RequireAgentPubkey = "require_agent_pubkey",
    }
}

/// A stable code: 1–64 of `A-Z 0-9 _`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleCode(Box<str>);

impl RuleCode {
    /// Takes a code of the right form.
    pub fn parse(text: &str) -> Option<RuleCode> {
        let fits = text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        fits.then(|| RuleCode(text.into()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// Declared risk.
    pub risk: Risk,
    /// Grade of the attestation.
    pub grade: Grade,
    /// Seconds from issue to expiry.
    pub ttl_seconds: i64,
    /// Where the agent works.
    pub jurisdiction: &'a Jurisdiction,
    /// Whether the passport binds an agent key.
    pub binds_agent_key: bool,
}

/// One rule that a proposal breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackViolation {
    /// The pack that states the rule.
    pub pack: PackName,
    /// Which demand.
    pub rule: RuleName,
    /// The pack's code for it.
    pub code: RuleCode,
}

impl Demand {
    fn name(&self) -> RuleName {
        match self {
            Demand::MaxTtlSeconds(_) => RuleName::MaxTtlSeconds,
            Demand::MinGrade(_) => RuleName::MinGrade,
            Demand::MinRisk(_) => RuleName::MinRisk,
            Demand::Jurisdictions(_) => RuleName::Jurisdictions,
            Demand::RequireAgentPubkey => RuleName::RequireAgentPubkey,
        }
    }

    fn is_met(&self, proposal: &Proposal<'_>) -> bool {
        match self {
            Demand::MaxTtlSeconds(seconds) => proposal.ttl_seconds <= i64::from(*seconds),
            Demand::MinGrade(grade) => proposal.grade >= *grade,
            Demand::MinRisk(risk) => proposal.risk >= *risk,
            Demand::Jurisdictions(allowed) => allowed.iter().any(|allowed| {
                allowed == proposal.jurisdiction || allowed.as_str() == proposal.jurisdiction.country()
            }),
            Demand::RequireAgentPubkey => proposal.binds_agent_key,
        }
    }
}

impl Pack {
    /// Reads a pack file.
    ///
    /// # Errors
    /// [`Malformed`] naming the first place that is not as it should be.
    pub fn read(bytes: &[u8]) -> Result<Pack, Malformed> {
        if bytes.len() > PACK_BYTES_MAX {
            return Err(Malformed::at("", Flaw::TooLarge));
        }
        let json = json::parse(bytes, 8)
            .map_err(|error| Malformed { pointer: error.pointer, flaw: Flaw::Form("strict JSON") })?;
        crate::profile::canonical(&json)?;
        let mut fields = Fields::of(&json, Strangers::Refused)?;
        let name = fields.text("name", "a pack name", PackName::parse)?;
        let line = |text: &str| (1..=2000).contains(&text.len()).then(|| text.to_owned());
        let obligations = fields.nested("obligations", |json| {
            items(json, "1-100 sentences", 1..=100, |item| text_item(item, "a sentence", line))
        })?;
        let released_at = fields.text("released_at", crate::document::TIME_FORM, Timestamp::parse_seconds)?;
        let rules =
            fields.nested("rules", |json| items(json, "at most 100 rules", 0..=100, PackRule::read))?;
        let source = fields.text("source", "1-2000 characters", line)?;
        let title = fields.text("title", "1-2000 characters", line)?;
        let version = fields.text("version", "N.N.N", PackVersion::parse)?;
        fields.end()?;
        let sha256 = Digest::of(&[bytes]);
        Ok(Pack { name, version, released_at, title, source, obligations, rules, sha256 })
    }

    /// This pack as a bundle pins it.
    pub fn pin(&self) -> PinnedPack {
        PinnedPack { name: self.name.clone(), version: self.version, sha256: self.sha256 }
    }

    /// Every rule of this pack that `proposal` breaks.
    pub fn violations(&self, proposal: &Proposal<'_>) -> Vec<PackViolation> {
        let broken = |rule: &&PackRule| proposal.risk >= rule.from_risk && !rule.demand.is_met(proposal);
        let report = |rule: &PackRule| PackViolation {
            pack: self.name.clone(),
            rule: rule.demand.name(),
            code: rule.code.clone(),
        };
        self.rules.iter().filter(broken).map(report).collect()
    }
}

impl PackRule {
    fn read(json: &Json<'_>) -> Result<PackRule, Malformed> {
        const RISK: &str = "minimal, limited, high or critical";
        const TTL: &str = "a number of seconds from 60 to 31622400";
        let mut fields = Fields::of(json, Strangers::Refused)?;
        let code = fields.text("code", "1-64 characters A-Z 0-9 _", RuleCode::parse)?;
        let from_risk = fields.optional_text("from_risk", RISK, Risk::parse)?.unwrap_or(Risk::Minimal);
        let jurisdictions = fields.optional_nested("jurisdictions", |json| {
            let one = |item| text_item(item, Jurisdiction::FORM, Jurisdiction::parse);
            items(json, "1-300 jurisdictions", 1..=300, one)
        })?;
        let ttl = fields.optional_nested("max_ttl_seconds", |json| {
            let seconds = crate::fields::number_in(json, 60..=u64::from(TTL_MAX_SECONDS));
            seconds.ok_or_else(|| Malformed::at("", Flaw::Form(TTL)))
        })?;
        let grade = fields.optional_text("min_grade", "declared, attested or verified", Grade::parse)?;
        let risk = fields.optional_text("min_risk", RISK, Risk::parse)?;
        let key = fields.optional_nested("require_agent_pubkey", |json| {
            if *json == Json::Bool(true) { Ok(()) } else { Err(Malformed::at("", Flaw::Form("true"))) }
        })?;
        fields.end()?;
        let mut demands = [
            jurisdictions.map(Demand::Jurisdictions),
            ttl.map(Demand::MaxTtlSeconds),
            grade.map(Demand::MinGrade),
            risk.map(Demand::MinRisk),
            key.map(|()| Demand::RequireAgentPubkey),
        ]
        .into_iter()
        .flatten();
        match (demands.next(), demands.next()) {
            (Some(demand), None) => Ok(PackRule { code, from_risk, demand }),
            _ => Err(Malformed::at("", Flaw::Form("a code and exactly one demand"))),
        }
    }
}

closed_set! {
    /// What may still be done with a version of a pack.
    PackStatus {
        /// May be pinned.
        Active = "active",
        /// A newer version is active; may be pinned by naming its version.
        Outdated = "outdated",
        /// Pins nothing any more, and passports that pinned it are no longer valid.
        Withdrawn = "withdrawn",
    }
}

/// A bundle names a pack or version that does not exist or is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no policy pack {name} that may be pinned")]
pub struct PackUnknown {
    /// The pack as the bundle writes it.
    pub name: String,
}

/// The packs an instance offers, every version with its status.
#[derive(Debug, Clone, Default)]
pub struct PackShelf(Vec<(Pack, PackStatus)>);

impl PackShelf {
    /// Puts these packs on the shelf.
    pub fn new(packs: Vec<(Pack, PackStatus)>) -> PackShelf {
        PackShelf(packs)
    }

    /// The packs, in the order they were put there.
    pub fn packs(&self) -> &[(Pack, PackStatus)] {
        &self.0
    }

    /// The packs `bundle` names, in its order: a fixed version exactly, else the newest active one.
    ///
    /// # Errors
    /// [`PackUnknown`] for the first pack that is not there or is withdrawn.
    pub fn pin(&self, bundle: &Bundle) -> Result<Vec<&Pack>, PackUnknown> {
        let find = |(name, version): (&str, Option<PackVersion>)| {
            let named = self.0.iter().filter(|(pack, _)| pack.name.as_str() == name);
            let found = match version {
                Some(version) => named
                    .filter(|(pack, status)| pack.version == version && *status != PackStatus::Withdrawn)
                    .max_by_key(|(pack, _)| pack.version),
                None => named
                    .filter(|(_, status)| *status == PackStatus::Active)
                    .max_by_key(|(pack, _)| pack.version),
            };
            found.map(|(pack, _)| pack).ok_or_else(|| PackUnknown {
                name: version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}")),
            })
        };
        bundle.packs().map(find).collect()
    }
}

/// The bytes of the packs that come with the program.
pub const SHIPPED_PACKS: [&[u8]; 6] = [
    include_bytes!("../packs/eu_ai_act.json"),
    include_bytes!("../packs/gdpr.json"),
    include_bytes!("../packs/hipaa.json"),
    include_bytes!("../packs/nist_ai_rmf.json"),
    include_bytes!("../packs/sg_mgaif.json"),
    include_bytes!("../packs/za_popia.json"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> PackShelf {
        let read = |bytes| (Pack::read(bytes).unwrap(), PackStatus::Active);
        PackShelf::new(SHIPPED_PACKS.into_iter().map(read).collect())
    }

    fn proposal(jurisdiction: &Jurisdiction, risk: Risk, grade: Grade) -> Proposal<'_> {
        let ttl_seconds = i64::from(risk.ttl_default_seconds());
        Proposal { risk, grade, ttl_seconds, jurisdiction, binds_agent_key: false }
    }

    /// Every shipped pack reads; with defaults, a declared attestation breaks none of them below critical.
    #[test]
    fn shipped_packs_are_mild() {
        let eu = Jurisdiction::parse("EU").unwrap();
        let shelf = shelf();
        let names: Vec<&str> = shelf.packs().iter().map(|(pack, _)| pack.name.as_str()).collect();
        assert_eq!(names, ["eu_ai_act", "gdpr", "hipaa", "nist_ai_rmf", "sg_mgaif", "za_popia"]);
        for (pack, _) in shelf.packs() {
            assert_eq!(pack.version.to_string(), "1.0.0");
            for risk in [Risk::Minimal, Risk::Limited, Risk::High] {
                assert_eq!(pack.violations(&proposal(&eu, risk, Grade::Declared)), [], "{}", pack.name);
            }
        }
    }

    /// A critical agent under the AI Act needs more than its operator's word, and the code says so.
    #[test]
    fn critical_needs_attestation_under_the_ai_act() {
        let eu = Jurisdiction::parse("EU").unwrap();
        let shelf = shelf();
        let packs = shelf.pin(&Bundle::parse("eu_ai_act").unwrap()).unwrap();
        let broken = packs[0].violations(&proposal(&eu, Risk::Critical, Grade::Declared));
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].rule, RuleName::MinGrade);
        assert_eq!(broken[0].code.as_str(), "EU_AI_ACT_ATTESTATION_TIER_INSUFFICIENT");
        assert_eq!(packs[0].violations(&proposal(&eu, Risk::Critical, Grade::Attested)), []);
    }

    /// A bundle without versions pins the newest active one; a fixed version must exist and not be withdrawn.
    #[test]
    fn pinning_prefers_the_newest_active_version() {
        let pack = |version: &str| {
            let mut pack = Pack::read(SHIPPED_PACKS[0]).unwrap();
            pack.version = PackVersion::parse(version).unwrap();
            pack
        };
        let shelf = PackShelf::new(vec![
            (pack("1.0.0"), PackStatus::Outdated),
            (pack("1.2.0"), PackStatus::Active),
            (pack("1.10.0"), PackStatus::Active),
            (pack("2.0.0"), PackStatus::Withdrawn),
        ]);
        let pin = |text: &str| {
            let pinned = shelf.pin(&Bundle::parse(text).unwrap());
            pinned.map(|packs| packs[0].version.to_string()).map_err(|unknown| unknown.name)
        };
        assert_eq!(pin("eu_ai_act"), Ok("1.10.0".into()));
        assert_eq!(pin("eu_ai_act@1.0.0"), Ok("1.0.0".into()));
        assert_eq!(pin("eu_ai_act@2.0.0"), Err("eu_ai_act@2.0.0".into()));
        assert_eq!(pin("other"), Err("other".into()));
    }

    /// Each demand is met on one side of its bound and broken on the other.
    #[test]
    fn each_demand_has_two_sides() {
        let (here, elsewhere) = (Jurisdiction::parse("US-CA").unwrap(), Jurisdiction::parse("ZA").unwrap());
        let good = Proposal {
            risk: Risk::High,
            grade: Grade::Attested,
            ttl_seconds: 100,
            jurisdiction: &here,
            binds_agent_key: true,
        };
        for (demand, bad) in [
            (Demand::MaxTtlSeconds(100), Proposal { ttl_seconds: 101, ..good }),
            (Demand::MinGrade(Grade::Attested), Proposal { grade: Grade::Declared, ..good }),
            (Demand::MinRisk(Risk::High), Proposal { risk: Risk::Limited, ..good }),
            (
                Demand::Jurisdictions(vec![Jurisdiction::parse("US").unwrap()]),
                Proposal { jurisdiction: &elsewhere, ..good },
            ),
            (Demand::RequireAgentPubkey, Proposal { binds_agent_key: false, ..good }),
        ] {
            assert!(demand.is_met(&good), "{demand:?}");
            assert!(!demand.is_met(&bad), "{demand:?}");
        }
    }

    /// A rule with no demand or with two is refused, and so is an unknown one.
    #[test]
    fn rules_come_from_the_closed_set() {
        let file = |rule: &str| {
            format!(
                r#"{{"name":"p","version":"1.0.0","released_at":"2025-11-01T00:00:00Z","title":"t","source":"s","obligations":["o"],"rules":[{rule}]}}"#
            )
        };
        assert!(Pack::read(file(r#"{"code":"A","min_grade":"attested"}"#).as_bytes()).is_ok());
        for bad in [
            r#"{"code":"A"}"#,
            r#"{"code":"A","min_grade":"attested","min_risk":"high"}"#,
            r#"{"code":"A","exec":"rm"}"#,
            r#"{"code":"a","min_grade":"attested"}"#,
            r#"{"code":"A","require_agent_pubkey":false}"#,
        ] {
            assert!(Pack::read(file(bad).as_bytes()).is_err(), "{bad}");
        }
    }
}
