//! What a third party says about the model behind an agent, and how much that is worth.

use aegis_core::crypto::digest::Digest;
use aegis_core::json::Json;
use aegis_core::time::Timestamp;

use crate::closed_set::closed_set;
use crate::fields::{Fields, Flaw, Malformed, Strangers};
use crate::profile::ObjectWriter;
use crate::text::Printable;

closed_set! {
    /// The evidence behind a capability attestation, weakest first.
    Grade {
        /// The operator says so; what it carries cannot be checked here and adds nothing.
        Declared = "declared",
        /// A signed statement by a key registered for the operator's own organization.
        Attested = "attested",
        /// A signed statement by a model provider this instance is configured to believe.
        Verified = "verified",
    }
}

/// What a request says about its model, before anyone has judged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationClaim {
    /// The model's name.
    pub model: Printable<1, 128>,
    /// The provider's statement, or anything else: opaque unless a known key signed it. Empty by default.
    pub provider_signature: Printable<0, 16384>,
    /// Who provides the model.
    pub provider: Option<Printable<1, 64>>,
    /// Digest of the model's weights or manifest.
    pub model_digest: Option<Digest>,
    /// Digest of the set of tools the agent runs with.
    pub tools_digest: Option<Digest>,
}

/// A judged claim, as a passport carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityAttestation {
    /// What was claimed.
    pub claim: AttestationClaim,
    /// What the claim is worth.
    pub standing: Standing,
}

/// The grade of a judged claim, with the instant a signed statement was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Grade `declared`.
    Declared,
    /// Grade `attested`.
    Attested {
        /// When the organization's key signed.
        attested_at: Timestamp,
    },
    /// Grade `verified`.
    Verified {
        /// When the provider signed.
        attested_at: Timestamp,
    },
}

impl Standing {
    /// The grade.
    pub const fn grade(self) -> Grade {
        match self {
            Standing::Declared => Grade::Declared,
            Standing::Attested { .. } => Grade::Attested,
            Standing::Verified { .. } => Grade::Verified,
        }
    }

    /// When a signed statement was made; nothing for `declared`.
    pub const fn attested_at(self) -> Option<Timestamp> {
        match self {
            Standing::Declared => None,
            Standing::Attested { attested_at } | Standing::Verified { attested_at } => Some(attested_at),
        }
    }
}

impl AttestationClaim {
    /// The claim as the operator's own word.
    pub fn declared(self) -> CapabilityAttestation {
        CapabilityAttestation { claim: self, standing: Standing::Declared }
    }
}

impl CapabilityAttestation {
    pub(crate) fn read(json: &Json<'_>, strangers: Strangers) -> Result<CapabilityAttestation, Malformed> {
        let mut fields = Fields::of(json, strangers)?;
        let attested_at =
            fields.optional_text("attested_at", crate::document::TIME_FORM, Timestamp::parse_seconds)?;
        let grade = fields.text("grade", "declared, attested or verified", Grade::parse)?;
        let model = fields.text("model", "1-128 characters", Printable::parse)?;
        let model_digest =
            fields.optional_text("model_digest", crate::document::DIGEST_FORM, Digest::parse)?;
        let provider = fields.optional_text("provider", "1-64 characters", Printable::parse)?;
        let provider_signature =
            fields.text("provider_signature", "at most 16384 characters", Printable::parse)?;
        let tools_digest =
            fields.optional_text("tools_digest", crate::document::DIGEST_FORM, Digest::parse)?;
        fields.end()?;
        let standing = match (grade, attested_at) {
            (Grade::Declared, None) => Standing::Declared,
            (Grade::Attested, Some(attested_at)) => Standing::Attested { attested_at },
            (Grade::Verified, Some(attested_at)) => Standing::Verified { attested_at },
            (Grade::Declared, Some(_)) => {
                let flaw = Flaw::Misplaced("a declared attestation was made at no instant");
                return Err(Malformed::at("/attested_at", flaw));
            }
            (Grade::Attested | Grade::Verified, None) => {
                return Err(Malformed::at("/attested_at", Flaw::Missing));
            }
        };
        let claim = AttestationClaim { model, provider_signature, provider, model_digest, tools_digest };
        Ok(CapabilityAttestation { claim, standing })
    }

    pub(crate) fn write(&self, out: &mut ObjectWriter<'_>) {
        let claim = &self.claim;
        out.shown_if("attested_at", self.standing.attested_at().as_ref());
        out.text("grade", self.standing.grade().as_str());
        out.text("model", claim.model.as_str());
        out.shown_if("model_digest", claim.model_digest.as_ref());
        out.shown_if("provider", claim.provider.as_ref());
        out.text("provider_signature", claim.provider_signature.as_str());
        out.shown_if("tools_digest", claim.tools_digest.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::json::parse;

    use super::*;

    fn read(text: &str) -> Result<CapabilityAttestation, String> {
        let json = parse(text.as_bytes(), 4).unwrap();
        CapabilityAttestation::read(&json, Strangers::Refused).map_err(|error| error.to_string())
    }

    /// Grade and instant belong together: declared has none, the others must have one.
    #[test]
    fn instant_goes_with_grade() {
        let declared = read(r#"{"model":"m","provider_signature":"","grade":"declared"}"#).unwrap();
        assert_eq!(declared.standing, Standing::Declared);
        let text = r#"{"attested_at":"2026-05-08T22:00:00Z","grade":"verified","model":"m","provider":"p","provider_signature":"x"}"#;
        let verified = read(text).unwrap();
        let mut out = Vec::new();
        let mut writer = ObjectWriter::open(&mut out);
        verified.write(&mut writer);
        writer.close();
        assert_eq!(String::from_utf8(out).unwrap(), text);
        for (bad, message) in [
            (r#"{"model":"m","provider_signature":"","grade":"attested"}"#, "/attested_at is required"),
            (
                r#"{"attested_at":"2026-05-08T22:00:00Z","model":"m","provider_signature":"","grade":"declared"}"#,
                "/attested_at must not be present: a declared attestation was made at no instant",
            ),
            (r#"{"model":"","provider_signature":"","grade":"declared"}"#, "/model must be 1-128 characters"),
        ] {
            assert_eq!(read(bad).unwrap_err(), message);
        }
    }
}
