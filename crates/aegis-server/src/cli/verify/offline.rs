//! What one machine can find out alone about a native passport document, from pinned keys.

use aegis_core::json::Json;
use aegis_core::time::Timestamp;
use aegis_passport::document::SignedPassport;
use aegis_passport::facts::{Facts, Freshness, StatusRecord};
use aegis_passport::key_history::SignedKeyHistory;
use aegis_passport::verdict::{Outcome, Reason, Verdict};
use aegis_passport::verify::{Ask, Proven, judge as judge_proven, refuse_document, stopped};

use super::answer::{Judged, Word};
use crate::passport::wire::{Basis, Verified};

/// What is not known without the issuer.
const NOT_KNOWN: &str = "whether it is registered, and whether it was revoked since, is not known offline";

/// The verdict on a file that holds no JSON object.
pub(super) fn unreadable(why: &str, at: Option<Timestamp>, now: Timestamp) -> Judged {
    let ask = Ask { at, ..Ask::now(now) };
    let verdict = Verdict { detail: Some(why.to_owned()), ..stopped(Reason::Unparsable, &ask) };
    written(&verdict, None, &ask, Word::Invalid, Vec::new())
}

/// Steps 2 to 7 of verification: form, issuer, key, signature, dates.
pub(super) fn judge(
    document: &Json<'_>,
    pinned: &SignedKeyHistory,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Judged {
    let ask = Ask { at, ..Ask::now(now) };
    if document.get("@context").is_some() {
        return written(&stopped(Reason::RenderingUnsupported, &ask), None, &ask, Word::Invalid, Vec::new());
    }
    let passport = match SignedPassport::read(document) {
        Ok(passport) => passport,
        Err(error) => return written(&refuse_document(&error, &ask), None, &ask, Word::Invalid, Vec::new()),
    };
    let history = pinned.history();
    let book = history.book();
    let proven = match book.find_for(passport.passport()) {
        Ok(key) => Proven::by_signature(&passport, key, &book),
        Err(reason) => Err(reason),
    };
    let mut remarks = Vec::new();
    if history.expires_at <= now {
        remarks
            .push(format!("The pinned keys were good until {}; update the trust root.", history.expires_at));
    }
    let (verdict, word) = match proven {
        Ok(proven) => decide(proven, &ask),
        Err(reason) => {
            // A key that is newer than the pinned history may well exist.
            let newer = passport.passport().issued_at >= history.issued_at;
            let missing = reason == Reason::IssuerUnknown || (reason == Reason::KeyUnknown && newer);
            if missing {
                remarks.push(hint(reason, history.issuer.as_str()));
            }
            (stopped(reason, &ask), if missing { Word::Unknown } else { Word::Invalid })
        }
    };
    let shown = Some(&passport).filter(|_| verdict.proven);
    if word == Word::Unknown && verdict.proven {
        remarks.push("Ask the issuer's server: aegis verify FILE --url URL".to_owned());
    }
    written(&verdict, shown, &ask, word, remarks)
}

fn hint(reason: Reason, issuer: &str) -> String {
    if reason == Reason::IssuerUnknown {
        format!("The pinned keys are those of {issuer}.")
    } else {
        "The issuer may have a newer key: aegis trust-root update URL --trust-root FILE".to_owned()
    }
}

/// The rules of verification on what is known here: nothing of registration and status.
fn decide(proven: Proven<'_, '_>, ask: &Ask) -> (Verdict, Word) {
    let facts = Facts {
        registered: None,
        status: StatusRecord::default(),
        freshness: Freshness { fresh: false, as_of: ask.now, age_seconds: 0, sequence: 0 },
        ancestors: &[],
        pins: None,
        withdrawn_packs: &[],
        packs_outdated: false,
        attester_compromised_at: None,
    };
    let mut verdict = judge_proven(proven, &facts, ask);
    // The rules take a missing registration for an unknown passport. Here nobody has looked.
    verdict.checks.lineage.outcome = Outcome::Skipped;
    verdict.reason = verdict.checks.outcomes().into_iter().find_map(Outcome::reason);
    verdict.valid_as_known_at = None;
    if verdict.reason.is_some() {
        return (verdict, Word::Invalid);
    }
    verdict.valid = false;
    verdict.detail = Some(NOT_KNOWN.to_owned());
    (verdict, Word::Unknown)
}

/// The answer of a server, with what only a server can say left open.
fn written(
    verdict: &Verdict,
    passport: Option<&SignedPassport>,
    ask: &Ask,
    word: Word,
    remarks: Vec<String>,
) -> Judged {
    // What an honest verifier could have known at an earlier instant takes a registry to say.
    let verdict = Verdict { valid_as_known_at: None, ..verdict.clone() };
    let basis = Basis { rendering: "native", now: ask.now, sequence: 0 };
    let answer = Verified::of(&verdict, passport, basis, ask.at.is_some());
    // Strings, numbers and booleans always have a JSON form.
    let text = serde_json::to_string(&answer).unwrap_or_default();
    Judged::offline(without_status(&text, ask.now), word, remarks)
}

/// The same object saying that no status is known. Its members' names occur nowhere else in it: inside a
/// string their quotes would be escaped.
fn without_status(answer: &str, now: Timestamp) -> String {
    answer
        .replacen(&format!(r#""status_as_of":"{}""#, now.to_rfc3339_seconds()), r#""status_as_of":null"#, 1)
        .replacen(r#""status_fresh":true"#, r#""status_fresh":false"#, 1)
        .replacen(r#""status_sequence":0"#, r#""status_sequence":null"#, 1)
}
