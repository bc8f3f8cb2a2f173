//! Delegation: a child passport is never stronger or longer-lived than any ancestor.

use aegis_core::json::Json;
use aegis_core::time::Timestamp;

use crate::bundle::{Bundle, PackVersion, PinnedPack};
use crate::closed_set::closed_set;
use crate::document::Passport;
use crate::fields::{Fields, Flaw, Malformed, Strangers};
use crate::ids::PassportId;
use crate::profile::ObjectWriter;
use crate::risk::Risk;
use crate::scope::Scopes;
use crate::text::Jurisdiction;

/// Passports above one another, and levels still allowed below, at most.
pub const DEPTH_MAX: u8 = 8;

/// Where a passport stands in its tree, and how far the tree may grow below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delegation {
    /// Levels that may still be added below.
    pub max_depth: u8,
    /// The passport above; nothing at the root.
    pub above: Option<Above>,
}

/// The ancestors a delegated passport names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Above {
    /// Distance to the root, 1–8.
    pub depth: u8,
    /// The passport directly above.
    pub parent_passport_id: PassportId,
    /// The passport at the root.
    pub root_passport_id: PassportId,
}

impl Delegation {
    /// Distance to the root: 0 for a root.
    pub fn depth(&self) -> u8 {
        self.above.map_or(0, |above| above.depth)
    }

    pub(crate) fn read(json: &Json<'_>, strangers: Strangers) -> Result<Delegation, Malformed> {
        const RANGE: &str = "a number from 0 to 8";
        let mut fields = Fields::of(json, strangers)?;
        let depth: u8 = fields.number("depth", RANGE, 0..=u64::from(DEPTH_MAX))?;
        let max_depth = fields.number("max_depth", RANGE, 0..=u64::from(DEPTH_MAX))?;
        let parent = fields.optional_text("parent_passport_id", "a passport id", PassportId::parse)?;
        let root = fields.optional_text("root_passport_id", "a passport id", PassportId::parse)?;
        fields.end()?;
        let above = match (depth, parent, root) {
            (0, None, None) => None,
            (1.., Some(parent_passport_id), Some(root_passport_id)) => {
                Some(Above { depth, parent_passport_id, root_passport_id })
            }
            (0, _, _) => {
                let flaw = Flaw::Contradiction("a passport of depth 0 has no parent and no root");
                return Err(Malformed::at("/depth", flaw));
            }
            (1.., None, _) => return Err(Malformed::at("/parent_passport_id", Flaw::Missing)),
            (1.., Some(_), None) => return Err(Malformed::at("/root_passport_id", Flaw::Missing)),
        };
        Ok(Delegation { max_depth, above })
    }

    pub(crate) fn write(&self, out: &mut ObjectWriter<'_>) {
        out.number("depth", u64::from(self.depth()));
        out.number("max_depth", u64::from(self.max_depth));
        out.shown_if("parent_passport_id", self.above.map(|above| above.parent_passport_id).as_ref());
        out.shown_if("root_passport_id", self.above.map(|above| above.root_passport_id).as_ref());
    }
}

closed_set! {
    /// What a child may not exceed.
    Bound {
        /// Exactly one more than the parent's.
        Depth = "depth",
        /// At most one less than the parent's.
        MaxDepth = "max_depth",
        /// Each covered by one of the parent's; never `*`.
        Scopes = "scopes",
        /// At least the parent's.
        Risk = "risk",
        /// All of the parent's, none at a lower version.
        Packs = "packs",
        /// Not after the parent's.
        ExpiresAt = "expires_at",
        /// At most the parent's.
        StalenessBudgetSeconds = "staleness_budget_seconds",
        /// The parent's.
        Jurisdiction = "jurisdiction",
    }
}

/// One bound a child exceeds, with both sides as documents write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which bound.
    pub bound: Bound,
    /// The parent's side.
    pub parent: String,
    /// The child's side.
    pub child: String,
}

/// The child exceeds its parent; every breached bound is listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the passport exceeds its parent in {} of the delegation bounds", breaches.len())]
pub struct DelegationExceeded {
    /// Never empty.
    pub breaches: Vec<Breach>,
}

/// What of a passport takes part in narrowing.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// Distance to the root.
    pub depth: u8,
    /// Levels allowed below.
    pub max_depth: u8,
    /// Ceiling of grants.
    pub scopes: &'a Scopes,
    /// Declared risk.
    pub risk: Risk,
    /// The bundle as written.
    pub bundle: &'a Bundle,
    /// The pinned versions, where they are known. Without them only versions written into the bundle are
    /// compared: a bundle's digest proves versions, it does not reveal them.
    pub pins: Option<&'a [PinnedPack]>,
    /// End of life.
    pub expires_at: Timestamp,
    /// Staleness budget.
    pub staleness_budget_seconds: u32,
    /// Where the agent works.
    pub jurisdiction: &'a Jurisdiction,
}

impl<'a> Bounds<'a> {
    /// The bounds of a passport, with its pinned packs where the caller knows them.
    pub fn of(passport: &'a Passport, pins: Option<&'a [PinnedPack]>) -> Bounds<'a> {
        Bounds {
            depth: passport.delegation.depth(),
            max_depth: passport.delegation.max_depth,
            scopes: &passport.scopes,
            risk: passport.risk_classification,
            bundle: &passport.policy_bundle,
            pins,
            expires_at: passport.expires_at,
            staleness_budget_seconds: passport.staleness_budget_seconds,
            jurisdiction: &passport.jurisdiction,
        }
    }

    fn version_of(&self, name: &str, written: Option<PackVersion>) -> Option<PackVersion> {
        let pinned = self.pins.and_then(|pins| pins.iter().find(|pin| pin.name.as_str() == name));
        pinned.map(|pin| pin.version).or(written)
    }

    /// Whether all packs of `parent` are here, none at a lower version.
    fn holds_packs_of(&self, parent: &Bounds<'_>) -> bool {
        parent.bundle.packs().all(|(name, parent_written)| {
            self.bundle.packs().any(|(own, written)| {
                let newer = match (self.version_of(own, written), parent.version_of(name, parent_written)) {
                    (Some(own), Some(parent)) => own >= parent,
                    (None, _) | (_, None) => true,
                };
                own == name && newer
            })
        })
    }
}

/// Checks that `child` stays within `parent` in every bound.
///
/// # Errors
/// [`DelegationExceeded`] with every breached bound.
pub fn narrow(child: &Bounds<'_>, parent: &Bounds<'_>) -> Result<(), DelegationExceeded> {
    let mut breaches = Vec::new();
    let mut check =
        |holds: bool, bound: Bound, parent: &dyn std::fmt::Display, child: &dyn std::fmt::Display| {
            if !holds {
                breaches.push(Breach { bound, parent: parent.to_string(), child: child.to_string() });
            }
        };
    let depth_holds = child.depth <= DEPTH_MAX && Some(child.depth) == parent.depth.checked_add(1);
    check(depth_holds, Bound::Depth, &parent.depth, &child.depth);
    check(child.max_depth < parent.max_depth, Bound::MaxDepth, &parent.max_depth, &child.max_depth);
    let scopes_hold = !child.scopes.has_everything() && parent.scopes.not_covered(child.scopes).is_empty();
    check(scopes_hold, Bound::Scopes, parent.scopes, child.scopes);
    check(child.risk >= parent.risk, Bound::Risk, &parent.risk, &child.risk);
    check(child.holds_packs_of(parent), Bound::Packs, parent.bundle, child.bundle);
    check(child.expires_at <= parent.expires_at, Bound::ExpiresAt, &parent.expires_at, &child.expires_at);
    check(
        child.staleness_budget_seconds <= parent.staleness_budget_seconds,
        Bound::StalenessBudgetSeconds,
        &parent.staleness_budget_seconds,
        &child.staleness_budget_seconds,
    );
    check(
        child.jurisdiction == parent.jurisdiction,
        Bound::Jurisdiction,
        parent.jurisdiction,
        child.jurisdiction,
    );
    if breaches.is_empty() { Ok(()) } else { Err(DelegationExceeded { breaches }) }
}
