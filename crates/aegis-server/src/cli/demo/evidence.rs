//! What a relying party checks for itself: signatures, the signed list, the proof from the log.

use aegis_core::json::{self, Json};
use aegis_core::limits::JSON_DEPTH_MAX;
use aegis_passport::document::SignedPassport;
use aegis_passport::key_history::SignedKeyHistory;
use aegis_passport::keys::Purpose;
use aegis_passport::lineage::Entry;
use aegis_passport::signed::{self, SignedType};
use aegis_passport::verify::Proven;
use aegis_tlog::note::VerifierKey;
use aegis_tlog::policy::Policy;
use aegis_tlog::tlogproof::TlogProof;

/// A passport whose signature holds under the published keys.
pub(super) fn proven(document: &[u8], keys: &SignedKeyHistory) -> Result<SignedPassport, String> {
    let json = json::parse(document, JSON_DEPTH_MAX).map_err(|error| error.to_string())?;
    let passport = SignedPassport::read(&json).map_err(|error| error.to_string())?;
    let book = keys.history().book();
    let key = book.find_for(passport.passport()).map_err(|reason| reason.to_string())?;
    Proven::by_signature(&passport, key, &book).map_err(|reason| reason.to_string())?;
    Ok(passport)
}

/// The ids on a revocation list that the issuer's status key signed.
pub(super) fn listed(list: &[u8], keys: &SignedKeyHistory) -> Result<Vec<String>, String> {
    let json = json::parse(list, JSON_DEPTH_MAX).map_err(|error| error.to_string())?;
    signed::check(&json, SignedType::Revocations, &keys.history().book(), None)
        .map_err(|refused| refused.to_string())?;
    let entries = json.get("revocations").and_then(Json::items).unwrap_or_default();
    Ok(entries.iter().filter_map(|entry| entry.get("passport_id")?.as_str().map(str::to_owned)).collect())
}

/// Where in the log a passport was found.
pub(super) struct Place {
    pub(super) index: u64,
    pub(super) size: u64,
    pub(super) origin: String,
}

/// Follows a proof from the passport to the signed checkpoint: document, lineage entry, leaf, tree,
/// signature of the log.
pub(super) fn logged(
    proof: &[u8],
    passport: &SignedPassport,
    keys: &SignedKeyHistory,
) -> Result<Place, String> {
    let proof = TlogProof::parse(proof).map_err(|error| error.to_string())?;
    let service = keys.history().service_keys.iter().filter(|key| key.purpose == Purpose::Log);
    let mut outcome = Err("the issuer publishes no log key".to_owned());
    for vkey in service.filter_map(|key| key.vkey.as_deref()) {
        let policy = VerifierKey::parse(vkey)
            .map_err(|error| error.to_string())
            .and_then(|key| Policy::of_log(key).map_err(|error| error.to_string()))?;
        outcome = proof.verify_opening(&policy).map_err(|error| error.to_string());
        if outcome.is_ok() {
            break;
        }
    }
    let (opening, trusted) = outcome?;
    let details =
        json::parse(opening.details().as_bytes(), JSON_DEPTH_MAX).map_err(|error| error.to_string())?;
    let entry = Entry::read(&details).map_err(|error| error.to_string())?;
    let same = entry.passport_id == Some(passport.passport().passport_id)
        && entry.body_digest == passport.body_digest()
        && entry.hash() == passport.passport().audit_lineage_hash;
    if !same {
        return Err("the log proves another passport".to_owned());
    }
    let checkpoint = trusted.checkpoint;
    Ok(Place { index: proof.index, size: checkpoint.size, origin: checkpoint.origin })
}
