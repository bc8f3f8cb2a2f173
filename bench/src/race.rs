//! Revoke, then verify: once a revocation was answered, no verification that starts later may say valid.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::connection::Connection;
use crate::curve::member;
use crate::identity::Plan;
use crate::report::{Report, Row};
use crate::server::Cores;
use crate::{Outcome, machine, requests};

/// Passports revoked at the same time, each hammered by verifiers of its own.
const LANES: usize = 4;
const VERIFIERS: usize = 2;
/// Verifications that must have started after the answer before a passport's race is over.
const AFTER_EACH: usize = 20;

#[derive(Default)]
struct Counts {
    before: AtomicUsize,
    after: AtomicUsize,
    broken: AtomicUsize,
    failed: AtomicUsize,
}

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> Outcome<()> {
    machine::roam()?;
    let (place, server) = crate::issue::fresh(plan, "race", Cores::All)?;
    let documents = crate::issue::issue(&server, &place.key("operator")?, plan.races)?;
    let operator = place.key("operator")?;
    // Revocations are limited for each key; every lane has its own.
    let keys: Vec<String> = (0..LANES).map(|_| new_key(&server, &operator)).collect::<Outcome<_>>()?;
    let counts = Counts::default();
    let share = documents.len().div_ceil(LANES).max(1);
    std::thread::scope(|scope| {
        for (part, key) in documents.chunks(share).zip(&keys) {
            let (counts, address) = (&counts, server.address);
            scope.spawn(move || {
                for document in part {
                    if race(address, key, document, counts).is_err() {
                        counts.failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    server.stop()?;
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (before, after) = (read(&counts.before), read(&counts.after));
    let (broken, failed) = (read(&counts.broken), read(&counts.failed));
    report.add(Row {
        name: format!("revoke race, {} revocations", documents.len()),
        goal: "0 later verifications say valid".to_owned(),
        figure: format!(
            "{broken} of {after} later ones; {before} earlier ones said valid; {failed} races failed"
        ),
        met: Some(broken == 0 && failed == 0 && after > 0 && before > 0),
        detail: json!({ "later": after, "later_valid": broken, "earlier_valid": before, "failed": failed }),
    });
    Ok(())
}

/// A key of the operator that may revoke.
pub(crate) fn new_key(server: &crate::server::Server, operator: &str) -> Outcome<String> {
    let body = json!({ "scopes": ["identity:revoke", "identity:issue"] }).to_string();
    let answer = server.ask(&requests::post("/v1/organizations/me/keys", Some(operator), body.as_bytes()))?;
    member(&answer, "secret")
}

/// Hammers one passport from before its revocation until well after the answer to it.
fn race(address: SocketAddr, key: &str, document: &[u8], counts: &Counts) -> Outcome<()> {
    let verify = requests::verify(document);
    let revoke = requests::revoke(key, &member(document, "passport_id")?);
    let (answered, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let hammers: Vec<_> = (0..VERIFIERS)
            .map(|_| scope.spawn(|| hammer(address, &verify, &answered, &seen, counts)))
            .collect();
        let mut connection = Connection::open(address)?;
        // The race is on only once the verifiers run.
        while seen.load(Ordering::SeqCst) < VERIFIERS {
            std::thread::yield_now();
        }
        let status = connection.call(&revoke).map(|answer| answer.status);
        answered.store(true, Ordering::SeqCst);
        let mut outcome = match status {
            Ok(200) => Ok(()),
            other => Err(format!("revoke: {other:?}").into()),
        };
        for hammer in hammers {
            if hammer.join().is_err() {
                outcome = Err("a verifier ended".into());
            }
        }
        outcome
    })
}

fn hammer(address: SocketAddr, verify: &[u8], answered: &AtomicBool, seen: &AtomicUsize, counts: &Counts) {
    let mut later = 0;
    let Ok(mut connection) = Connection::open(address) else {
        counts.failed.fetch_add(1, Ordering::Relaxed);
        seen.fetch_add(VERIFIERS, Ordering::SeqCst);
        return;
    };
    while later < AFTER_EACH {
        // Read before anything of the request is sent: true means that the answer was there first.
        let after = answered.load(Ordering::SeqCst);
        let Ok(valid) = connection.call(verify).map(|answer| answer.body.starts_with(b"{\"valid\":true,"))
        else {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            seen.fetch_add(VERIFIERS, Ordering::SeqCst);
            return;
        };
        seen.fetch_add(1, Ordering::SeqCst);
        match (after, valid) {
            (false, true) => _ = counts.before.fetch_add(1, Ordering::Relaxed),
            (true, true) => _ = counts.broken.fetch_add(1, Ordering::Relaxed),
            (_, false) => {}
        }
        if after {
            counts.after.fetch_add(1, Ordering::Relaxed);
            later += 1;
        }
    }
}
