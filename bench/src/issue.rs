//! Issuing: the live passports that everything else needs, and how fast they become durable.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::closed::Generator;
use crate::disk::Disk;
use crate::identity::Plan;
use crate::open::Latencies;
use crate::pairs::{Sample, interleave, rounded};
use crate::report::{Report, Row};
use crate::server::{Cores, Place, Server};
use crate::{Outcome, machine, requests};

/// Clients that issue the passports of other measurements.
const ISSUERS: usize = 128;
/// Numbers of clients whose throughput is measured.
const CLIENTS: [usize; 3] = [1, 16, 64];

/// Issues `count` passports and gives their documents.
pub(crate) fn issue(server: &Server, key: &str, count: usize) -> Outcome<Vec<Box<[u8]>>> {
    let request = requests::issue(key, None);
    let mut documents: Vec<Box<[u8]>> = Vec::with_capacity(count);
    let mut generator = Generator::open(server.address, ISSUERS)?;
    let mut left = count;
    generator.run(
        || {
            left = left.checked_sub(1)?;
            Some((0, &*request))
        },
        |_, answer, _| {
            if answer.status != 201 {
                return Err(format!("issue: {}", String::from_utf8_lossy(answer.body)).into());
            }
            documents.push(answer.body.into());
            Ok(())
        },
    )?;
    Ok(documents)
}

/// A new server on a new folder, whose operator may issue as often as it likes.
pub(crate) fn fresh(plan: &Plan, name: &str, cores: Cores) -> Outcome<(Place, Server)> {
    let place = Place::new(plan.folder.join(name))?;
    let server = plan.starter.serve(&place, cores)?;
    server.ask(&requests::raise_limits(&place.key("admin")?))?;
    Ok((place, server))
}

/// Durable issuances a second against the disk's own rate.
pub(crate) fn measure(plan: &Plan, report: &mut Report) -> Outcome<()> {
    machine::roam()?;
    let (place, server) = fresh(plan, "issue", Cores::All)?;
    let key = place.key("operator")?;
    let request = requests::issue(&key, None);
    let mut disk = Disk::prepare(&place.folder)?;
    for clients in CLIENTS {
        let mut generator = Generator::open(server.address, clients)?;
        let (mut ours, mut disks) = (Vec::new(), Vec::new());
        let pairs = interleave(
            plan.pairs,
            || {
                let (sample, latencies) = disk.run(plan.turn / 2)?;
                disks.push(latencies.at(0.5));
                Ok(sample)
            },
            || timed(&server, &mut generator, &request, plan.turn, &mut ours),
        )?;
        let latencies = Latencies::of(ours);
        let ratio = pairs.throughput();
        let goal = (clients == 64).then_some(15.0);
        report.add(Row {
            name: format!("issue, {clients} clients"),
            goal: goal.map_or("–".to_owned(), |goal| format!("≥ {goal} × fdatasync")),
            figure: format!(
                "{:.2} × (worst {:.2}): {:.0}/s, disk {:.0}/s, p50 {:.0} µs, p99 {:.0} µs, {:.0} µs CPU",
                ratio.median,
                ratio.worst,
                pairs.our_rate(),
                pairs.yardstick_rate(),
                latencies.at(0.5),
                latencies.at(0.99),
                pairs.our_cpu(),
            ),
            met: goal.map(|goal| ratio.median >= goal),
            detail: json!({
                "ratio": ratio.to_json(),
                "pairs": pairs.to_json(),
                "latency_us": { "p50": rounded(latencies.at(0.5)), "p99": rounded(latencies.at(0.99)) },
                "fdatasync_p50_us": disks.iter().map(|p50| rounded(*p50)).collect::<Vec<_>>(),
            }),
        });
    }
    server.stop()
}

/// Issues for about `time`.
fn timed(
    server: &Server,
    generator: &mut Generator,
    request: &[u8],
    time: Duration,
    latencies: &mut Vec<Duration>,
) -> Outcome<Sample> {
    server.sample(|| {
        let started = Instant::now();
        let load = generator.run(
            || (started.elapsed() < time).then_some((0, request)),
            |_, answer, latency| {
                latencies.push(latency);
                if answer.status == 201 {
                    Ok(())
                } else {
                    Err(format!("issue answered {}", answer.status).into())
                }
            },
        )?;
        Ok((load.answers, load.elapsed))
    })
}

/// How long a start takes, and what an idle server holds.
pub(crate) fn measure_start(plan: &Plan, report: &mut Report) -> Outcome<()> {
    let place = Place::new(plan.folder.join("start"))?;
    let first = plan.starter.serve(&place, Cores::One)?;
    let made = first.ready_after;
    let idle = machine::resident(first.pid())?;
    first.stop()?;
    let mut again = Vec::new();
    for _ in 0..plan.pairs {
        let server = plan.starter.serve(&place, Cores::One)?;
        again.push(server.ready_after);
        server.stop()?;
    }
    let again = Latencies::of(again);
    report.add(Row {
        name: "start to ready, idle memory".to_owned(),
        goal: "–".to_owned(),
        figure: format!(
            "{:.0} ms with a new database, {:.0} ms with an existing one, {idle:.0} MiB",
            made.as_secs_f64() * 1e3,
            again.at(0.5) / 1e3,
        ),
        met: None,
        detail: json!({
            "first_ms": rounded(made.as_secs_f64() * 1e3),
            "again_ms": rounded(again.at(0.5) / 1e3),
            "idle_mib": rounded(idle),
        }),
    });
    Ok(())
}
