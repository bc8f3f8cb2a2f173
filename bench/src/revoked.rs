//! Does verifying cost more when very many passports are revoked? Two servers with the same passports, one of them with
//! all but a few revoked, asked alternately about the few.

use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::closed::Generator;
use crate::curve::member;
use crate::identity::Plan;
use crate::pairs::{Sample, interleave};
use crate::report::{Report, Row};
use crate::server::{Cores, Place, Server, free_port};
use crate::verify::{CONNECTIONS, each_once};
use crate::{Outcome, machine, requests};

/// Passports below one root: one revocation ends them all.
const BELOW: usize = 100;
/// Revocations by one key; fewer than its limit in any minute.
const BY_KEY: usize = 500;
/// Passports that stay.
const STAY: usize = 2_000;
const CLIENTS: usize = 128;

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> Outcome<()> {
    machine::roam()?;
    let started = Instant::now();
    let (place, server) = crate::issue::fresh(plan, "revoked", Cores::All)?;
    let operator = place.key("operator")?;
    let staying = crate::issue::issue(&server, &operator, STAY)?;
    let roots: Vec<String> = crate::issue::issue(&server, &operator, plan.revoked / (BELOW + 1))?
        .iter()
        .map(|document| member(document, "passport_id"))
        .collect::<Outcome<_>>()?;
    let below: Vec<Box<[u8]>> = roots.iter().map(|root| requests::issue(&operator, Some(root))).collect();
    let mut generator = Generator::open(server.address, CLIENTS)?;
    let mut place_of = 0;
    let children = below.len() * BELOW;
    generator.run(
        || {
            place_of += 1;
            // Round robin: neighbours in time have different parents.
            if place_of > children { None } else { below.get(place_of % below.len()).map(|one| (0, &**one)) }
        },
        |_, answer, _| {
            if answer.status == 201 { Ok(()) } else { Err(String::from_utf8_lossy(answer.body).into()) }
        },
    )?;
    drop(generator);
    println!(
        "     {} passports issued in {:.0} s",
        children + roots.len() + STAY,
        started.elapsed().as_secs_f64()
    );
    server.stop()?;
    let twin = copied(&place, plan)?;
    let server = plan.starter.serve(&twin, Cores::All)?;
    let started = Instant::now();
    revoke_all(&server, &operator, &roots)?;
    println!("     {} passports revoked in {:.0} s", children + roots.len(), started.elapsed().as_secs_f64());
    server.stop()?;
    compare(plan, report, &place, &twin, &staying, children + roots.len())
}

/// The same data under another port. The origin stays: it is in every passport.
fn copied(place: &Place, plan: &Plan) -> Outcome<Place> {
    let folder = plan.folder.join("revoked-twin");
    let status = Command::new("cp").arg("-a").arg(&place.folder).arg(&folder).status()?;
    if status.success() { Ok(Place { folder, port: free_port()? }) } else { Err("cp failed".into()) }
}

fn revoke_all(server: &Server, operator: &str, roots: &[String]) -> Outcome<()> {
    let keys: Vec<String> = (0..roots.len().div_ceil(BY_KEY))
        .map(|_| crate::race::new_key(server, operator))
        .collect::<Outcome<_>>()?;
    let requests: Vec<Box<[u8]>> = roots
        .chunks(BY_KEY)
        .zip(&keys)
        .flat_map(|(part, key)| part.iter().map(move |root| requests::revoke(key, root)))
        .collect();
    let mut all = requests.iter();
    let mut generator = Generator::open(server.address, CLIENTS)?;
    generator.run(
        || all.next().map(|request| (0, &**request)),
        |_, answer, _| {
            if answer.status == 200 { Ok(()) } else { Err(String::from_utf8_lossy(answer.body).into()) }
        },
    )?;
    Ok(())
}

fn compare(
    plan: &Plan,
    report: &mut Report,
    none: &Place,
    all: &Place,
    staying: &[Box<[u8]>],
    revoked: usize,
) -> Outcome<()> {
    machine::stay_on(machine::GENERATOR_CORE)?;
    let requests: Vec<Box<[u8]>> = staying.iter().map(|document| requests::verify(document)).collect();
    let servers = [plan.starter.serve(none, Cores::One)?, plan.starter.serve(all, Cores::One)?];
    let [first, second] = &servers;
    let mut generators =
        [Generator::open(first.address, CONNECTIONS)?, Generator::open(second.address, CONNECTIONS)?];
    let [to_first, to_second] = &mut generators;
    // Once round, so that every signature is proven on both: what is left shows a difference best.
    turn(plan, first, to_first, &requests)?;
    turn(plan, second, to_second, &requests)?;
    let pairs = interleave(
        plan.pairs,
        || turn(plan, first, to_first, &requests),
        || turn(plan, second, to_second, &requests),
    )?;
    let memory = [machine::resident(first.pid())?, machine::resident(second.pid())?];
    let loaded = second.ready_after.as_secs_f64();
    for server in servers {
        server.stop()?;
    }
    let cpu = pairs.cpu();
    let [memory_none, memory_all] = memory;
    report.add(Row {
        name: format!("0 → {revoked} revoked, repeated passports"),
        goal: "≤ +5 % CPU per verify".to_owned(),
        figure: format!(
            "{:+.1} % (worst {:+.1} %): {:.2} → {:.2} µs; {memory_none:.0} → {memory_all:.0} MiB; loaded in {loaded:.1} s",
            (cpu.median - 1.0) * 100.0,
            (cpu.worst - 1.0) * 100.0,
            pairs.yardstick_cpu(),
            pairs.our_cpu(),
        ),
        met: Some(cpu.median <= 1.05),
        detail: json!({
            "cpu": cpu.to_json(), "pairs": pairs.to_json(), "resident_mib": memory, "start_seconds": loaded,
        }),
    });
    Ok(())
}

fn turn(plan: &Plan, server: &Server, generator: &mut Generator, requests: &[Box<[u8]>]) -> Outcome<Sample> {
    let started = Instant::now();
    let mut around = requests.iter().cycle();
    each_once(server, generator, || if started.elapsed() < plan.turn { around.next() } else { None })
}
