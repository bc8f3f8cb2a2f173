//! Verifying over HTTP against a bare loop of the curve: first-seen signatures, one by one and in batches; repeated
//! ones; and what users feel at 60 % of capacity.

use std::time::Instant;

use serde_json::{Value, json};

use crate::closed::Generator;
use crate::connection::Answer;
use crate::curve::Curve;
use crate::identity::Plan;
use crate::open::{self, Latencies};
use crate::pairs::{Pairs, Sample, interleave, rounded};
use crate::report::{Report, Row};
use crate::server::{Cores, Place, Server};
use crate::{Outcome, machine, requests};

/// Connections of the load generator.
pub(crate) const CONNECTIONS: usize = 64;
/// Passports that repeat: few enough that every later request finds its signature proven.
const REPEATED: usize = 2_000;
/// Verifications in one request of the batch endpoint, and connections that send such requests.
const BATCH: usize = 1_000;
const BATCH_CONNECTIONS: usize = 4;
/// Requests with a broken signature that warm up a new server: a refusal is never remembered.
const WARM_UP: usize = 4_000;

/// The documents of live passports and what is prepared from them.
pub(crate) struct Stock {
    pub(crate) place: Place,
    pub(crate) documents: Vec<Box<[u8]>>,
    pub(crate) curve: Curve,
}

/// Issues the passports and ends the server that did, so that the next one has proven none of their signatures.
pub(crate) fn stock(plan: &Plan, report: &mut Report) -> Outcome<Stock> {
    let started = Instant::now();
    let (place, server) = crate::issue::fresh(plan, "verify", Cores::All)?;
    let documents = crate::issue::issue(&server, &place.key("operator")?, plan.passports)?;
    let curve = Curve::of(&documents, &server.ask(&requests::get("/registry/keys"))?)?;
    server.stop()?;
    let bytes: usize = documents.iter().map(|document| document.len()).sum();
    report.note("passports", plan.passports.into());
    report.note("passport_bytes_mean", (bytes / documents.len().max(1)).into());
    println!("     {} passports issued in {:.1} s", documents.len(), started.elapsed().as_secs_f64());
    Ok(Stock { place, documents, curve })
}

/// The program's verification in the same bare loop: what is left of B before anything is read or answered.
pub(crate) fn bare(plan: &Plan, stock: &mut Stock, report: &mut Report) -> Outcome<()> {
    let curve = std::cell::RefCell::new(&mut stock.curve);
    let strict = || curve.borrow_mut().run(plan.turn);
    let pairs = interleave(plan.pairs, strict, || curve.borrow_mut().run_ours(plan.turn))?;
    let cpu = pairs.cpu();
    let (ours, theirs) = (pairs.our_cpu(), pairs.yardstick_cpu());
    report.add(Row {
        name: "our verification, bare loop".to_owned(),
        goal: "–".to_owned(),
        figure: format!("CPU {:.3}/B (worst {:.3}): {ours:.2} µs of {theirs:.2} µs", cpu.median, cpu.worst),
        met: None,
        detail: json!({ "cpu": cpu.to_json(), "pairs": pairs.to_json() }),
    });
    Ok(())
}

/// Any answer but `{"valid":true,…` ends the measurement.
pub(crate) fn wants_valid(answer: &Answer<'_>) -> Outcome<()> {
    if answer.status == 200 && answer.body.starts_with(b"{\"valid\":true,") {
        return Ok(());
    }
    Err(format!("verify answered {}: {}", answer.status, String::from_utf8_lossy(answer.body)).into())
}

/// The server that verifies, warmed up without proving anything.
pub(crate) fn warm(plan: &Plan, stock: &Stock) -> Outcome<Server> {
    let server = plan.starter.serve(&stock.place, Cores::One)?;
    let broken: Vec<Box<[u8]>> =
        stock.documents.iter().take(WARM_UP).map(|document| requests::verify(&spoilt(document))).collect();
    let mut generator = Generator::open(server.address, CONNECTIONS)?;
    let mut all = broken.iter();
    generator.run(
        || all.next().map(|request| (0, &**request)),
        |_, answer, _| if answer.status == 200 { Ok(()) } else { Err("the warm-up was refused".into()) },
    )?;
    Ok(server)
}

/// The document with another first byte of `R`.
fn spoilt(document: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"\"ed25519:";
    let mut document = document.to_vec();
    let place = document.windows(MARK.len()).position(|window| window == MARK).map(|at| at + MARK.len());
    if let Some(byte) = place.and_then(|place| document.get_mut(place)) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    document
}

/// Every passport once, over as many lives of the server as its pairs need.
pub(crate) fn first_seen(plan: &Plan, stock: &mut Stock, report: &mut Report) -> Outcome<()> {
    machine::stay_on(machine::GENERATOR_CORE)?;
    let requests: Vec<Box<[u8]>> =
        stock.documents.iter().map(|document| requests::verify(document)).collect();
    let share = requests.len() / plan.turns_per_life;
    let mut pairs = Pairs::default();
    while pairs.0.len() < plan.pairs {
        let server = warm(plan, stock)?;
        let mut generator = Generator::open(server.address, CONNECTIONS)?;
        let mut turns = requests.chunks(share.max(1));
        let count = plan.turns_per_life.min(plan.pairs - pairs.0.len());
        let curve = &mut stock.curve;
        let found = interleave(
            count,
            || curve.run(plan.turn),
            || {
                let mut turn = turns.next().ok_or("too few passports")?.iter();
                each_once(&server, &mut generator, || turn.next())
            },
        )?;
        pairs.0.extend(found.0);
        server.stop()?;
    }
    against_curve(report, "verify, first-seen signatures", &pairs, 0.8, Some(1.25));
    Ok(())
}

/// One turn of single verifications.
pub(crate) fn each_once<'r>(
    server: &Server,
    generator: &mut Generator,
    mut next: impl FnMut() -> Option<&'r Box<[u8]>>,
) -> Outcome<Sample> {
    server.sample(|| {
        let load =
            generator.run(|| next().map(|request| (0, &**request)), |_, answer, _| wants_valid(answer))?;
        Ok((load.answers, load.elapsed))
    })
}

/// The batch endpoint, every passport once.
pub(crate) fn batches(plan: &Plan, stock: &mut Stock, report: &mut Report) -> Outcome<()> {
    machine::stay_on(machine::GENERATOR_CORE)?;
    let requests: Vec<Box<[u8]>> = stock.documents.chunks_exact(BATCH).map(requests::verify_batch).collect();
    let share = requests.len() / plan.turns_per_life;
    let mut pairs = Pairs::default();
    while pairs.0.len() < plan.pairs {
        let server = warm(plan, stock)?;
        let mut generator = Generator::open(server.address, BATCH_CONNECTIONS)?;
        let mut turns = requests.chunks(share.max(1));
        let count = plan.turns_per_life.min(plan.pairs - pairs.0.len());
        let curve = &mut stock.curve;
        let found = interleave(
            count,
            || curve.run(plan.turn),
            || {
                let mut turn = turns.next().ok_or("too few passports")?.iter();
                let mut answers = Vec::new();
                let sample = server.sample(|| {
                    let load = generator.run(
                        || turn.next().map(|request| (0, &**request)),
                        |_, answer, _| {
                            answers.push(answer.body.to_vec());
                            if answer.status == 200 { Ok(()) } else { Err("a batch was refused".into()) }
                        },
                    )?;
                    Ok((load.answers * BATCH, load.elapsed))
                })?;
                // Read after the clock was stopped: the generator's own time is not the server's.
                if answers.iter().all(|body| requests::all_valid(body, BATCH)) {
                    return Ok(sample);
                }
                Err("a batch held an invalid verdict".into())
            },
        )?;
        pairs.0.extend(found.0);
        server.stop()?;
    }
    against_curve(report, "verify in batches of 1000, first-seen", &pairs, 0.8, Some(1.25));
    Ok(())
}

/// The same few passports again and again, then the latency at 60 % of what first-seen and repeated ones can reach.
pub(crate) fn repeated(plan: &Plan, stock: &mut Stock, report: &mut Report) -> Outcome<()> {
    machine::stay_on(machine::GENERATOR_CORE)?;
    let server = warm(plan, stock)?;
    let requests: Vec<Box<[u8]>> =
        stock.documents.iter().take(REPEATED).map(|document| requests::verify(document)).collect();
    let mut generator = Generator::open(server.address, CONNECTIONS)?;
    let mut proving = requests.iter();
    each_once(&server, &mut generator, || proving.next())?;
    let curve = &mut stock.curve;
    let mut place = 0;
    let pairs = interleave(
        plan.pairs,
        || curve.run(plan.turn),
        || {
            let started = Instant::now();
            each_once(&server, &mut generator, || {
                place = (place + 1) % requests.len();
                if started.elapsed() < plan.turn { requests.get(place) } else { None }
            })
        },
    )?;
    against_curve(report, "verify, repeated passports", &pairs, 2.0, None);
    server.stop()
}

/// Latency from the intended instants, at 60 % of the capacity for first-seen signatures measured just before.
pub(crate) fn latency(plan: &Plan, stock: &Stock, report: &mut Report) -> Outcome<()> {
    machine::stay_on(machine::GENERATOR_CORE)?;
    let server = warm(plan, stock)?;
    let requests: Vec<Box<[u8]>> =
        stock.documents.iter().map(|document| requests::verify(document)).collect();
    let (probe, rest) = requests.split_at(requests.len() / 5);
    let mut generator = Generator::open(server.address, CONNECTIONS)?;
    let mut probing = probe.iter();
    let capacity = each_once(&server, &mut generator, || probing.next())?.rate();
    if plan.starter.raised {
        machine::before_all_others(server.pid());
    }
    let mut rounds: Vec<Latencies> = Vec::new();
    for (round, part) in rest.chunks(rest.len().div_ceil(plan.rounds).max(1)).enumerate() {
        let arrivals = open::arrivals(part.len(), capacity * 0.6, 0x9e37_79b9 + round as u64);
        let request = |index: usize| part.get(index).map_or(&[][..], |request| request);
        rounds.push(open::run(&mut generator, &arrivals, request, wants_valid)?);
    }
    server.stop()?;
    rounds.sort_by(|one, other| one.at(0.99).total_cmp(&other.at(0.99)));
    let middle = rounds.get(rounds.len() / 2).ok_or("no latency was measured")?;
    let worst = rounds.last().map_or(0.0, |latencies| latencies.at(0.99));
    report.add(Row {
        name: format!("open loop at 60 % ({:.0}/s)", capacity * 0.6),
        goal: "p99 < 1 ms; p95 < 15 ms always".to_owned(),
        figure: format!(
            "p50 {:.0} p95 {:.0} p99 {:.0} p99.9 {:.0} µs (round with the median p99; worst p99 {worst:.0})",
            middle.at(0.5),
            middle.at(0.95),
            middle.at(0.99),
            middle.at(0.999),
        ),
        met: Some(middle.at(0.99) < 1000.0 && rounds.iter().all(|one| one.at(0.95) < 15_000.0)),
        detail: json!({
            "capacity_per_second": rounded(capacity),
            "rounds": rounds.iter().map(shown).collect::<Vec<_>>(),
        }),
    });
    Ok(())
}

fn shown(latencies: &Latencies) -> Value {
    let at = |share| rounded(latencies.at(share));
    json!({
        "requests": latencies.count(), "p50_us": at(0.5), "p95_us": at(0.95), "p99_us": at(0.99),
        "p999_us": at(0.999), "max_us": at(1.0),
    })
}

fn against_curve(report: &mut Report, name: &str, pairs: &Pairs, goal: f64, cpu_goal: Option<f64>) {
    let (throughput, cpu) = (pairs.throughput(), pairs.cpu());
    let cpu_goal_text = cpu_goal.map_or(String::new(), |goal| format!(", CPU ≤ {goal} / B"));
    report.add(Row {
        name: name.to_owned(),
        goal: format!("≥ {goal} B{cpu_goal_text}"),
        figure: format!(
            "{:.3} B (worst {:.3}), CPU {:.3}/B (worst {:.3}): {:.0}/s of B {:.0}/s, {:.2} µs of {:.2} µs",
            throughput.median,
            throughput.worst,
            cpu.median,
            cpu.worst,
            pairs.our_rate(),
            pairs.yardstick_rate(),
            pairs.our_cpu(),
            pairs.yardstick_cpu(),
        ),
        met: Some(throughput.median >= goal && cpu_goal.is_none_or(|goal| cpu.median <= goal)),
        detail: json!({ "throughput": throughput.to_json(), "cpu": cpu.to_json(), "pairs": pairs.to_json() }),
    });
}
