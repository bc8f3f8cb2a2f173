//! What the caller demands beyond validity: of the passport, and of whoever presents it.

use aegis_core::crypto::sign::Signature;
use aegis_core::limits::SKEW_SECONDS;
use aegis_core::time::Timestamp;

use crate::attestation::Grade;
use crate::closed_set::closed_set;
use crate::document::Passport;
use crate::ids::{OperatorId, PassportId};
use crate::profile::ObjectWriter;
use crate::risk::Risk;
use crate::scope::Scope;
use crate::text::{Jurisdiction, Printable};
use crate::verdict::{Outcome, Reason};

closed_set! {
    /// The name of a demand, as the answer lists those that are not met.
    Demanded {
        /// Another operator.
        OperatorId = "operator_id",
        /// Another jurisdiction.
        Jurisdiction = "jurisdiction",
        /// A lower grade.
        MinGrade = "min_grade",
        /// A scope the passport does not cover.
        Scopes = "scopes",
        /// A higher risk.
        MaxRisk = "max_risk",
    }
}

/// Whom a presentation is made for: 1–256 printable characters.
pub type Audience = Printable<1, 256>;
/// A caller's one-time value: 8–128 printable characters.
pub type Nonce = Printable<8, 128>;

/// The caller's own demands; the default demands nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Exactly this operator.
    pub operator_id: Option<OperatorId>,
    /// Exactly this jurisdiction.
    pub jurisdiction: Option<Jurisdiction>,
    /// At least this grade.
    pub min_grade: Option<Grade>,
    /// Each covered by the passport's scopes.
    pub scopes: Vec<Scope>,
    /// At most this risk.
    pub max_risk: Option<Risk>,
    /// A presentation made for this audience.
    pub audience: Option<Audience>,
    /// A presentation that answers this nonce.
    pub nonce: Option<Nonce>,
}

impl Expectation {
    /// The demands `passport` does not meet.
    pub fn unmet_by(&self, passport: &Passport) -> Vec<Demanded> {
        let operator = self.operator_id.as_ref().is_none_or(|id| *id == passport.operator_id);
        let jurisdiction = self.jurisdiction.as_ref().is_none_or(|code| *code == passport.jurisdiction);
        let grade = passport.capability_attestation.standing.grade();
        [
            (Demanded::OperatorId, operator),
            (Demanded::Jurisdiction, jurisdiction),
            (Demanded::MinGrade, self.min_grade.is_none_or(|least| grade >= least)),
            (Demanded::Scopes, self.scopes.iter().all(|scope| passport.scopes.cover(scope))),
            (Demanded::MaxRisk, self.max_risk.is_none_or(|most| passport.risk_classification <= most)),
        ]
        .into_iter()
        .filter_map(|(demanded, met)| (!met).then_some(demanded))
        .collect()
    }

    /// Step 14: does the presenter hold the agent's key now? Asked when there is a presentation, or when the
    /// caller named an audience or a nonce. A presentation must answer both, so one made for somebody else or
    /// for another time proves nothing here. The caller owns the freshness of its nonces.
    pub fn check_possession(
        &self,
        passport: &Passport,
        presentation: Option<&Presentation>,
        now: Timestamp,
    ) -> Outcome {
        let Some(presentation) = presentation else {
            let asked = self.audience.is_some() || self.nonce.is_some();
            return if asked { Outcome::Fail(Reason::PossessionRequired) } else { Outcome::NotApplicable };
        };
        let answers = self.audience.as_ref() == Some(&presentation.aud)
            && self.nonce.as_ref() == Some(&presentation.nonce);
        let recent = (-SKEW_SECONDS..=SKEW_SECONDS).contains(&now.seconds_since(presentation.iat));
        let key = passport.agent_pubkey.and_then(|key| key.public_key().ok());
        let signed = key.is_some_and(|key| {
            key.verify(&presentation.message(passport.passport_id), &presentation.signature).is_ok()
        });
        if answers && recent && signed { Outcome::Pass } else { Outcome::Fail(Reason::PossessionInvalid) }
    }
}

/// A fresh statement by the agent's key that it presents this passport here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    /// When it was made.
    pub iat: Timestamp,
    /// The caller's nonce.
    pub nonce: Nonce,
    /// The caller.
    pub aud: Audience,
    /// By the agent's key over [`Presentation::message`].
    pub signature: Signature,
}

impl Presentation {
    /// The RFC 8785 bytes that are signed.
    pub fn message(&self, passport_id: PassportId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        let mut out = ObjectWriter::open(&mut bytes);
        out.text("aud", self.aud.as_str());
        out.shown("iat", &self.iat);
        out.text("nonce", self.nonce.as_str());
        out.shown("passport_id", &passport_id);
        out.text("typ", "aegis-presentation+v1");
        out.close();
        bytes
    }
}
