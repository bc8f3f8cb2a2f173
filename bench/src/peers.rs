//! What others would use for the same task, under the same generator, on the same core, alternately with ours: jose
//! behind Express, W3C credentials by @digitalbazaar/vc, and token introspection by oidc-provider.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::closed::Generator;
use crate::identity::Plan;
use crate::pairs::{Sample, interleave};
use crate::report::{Report, Row};
use crate::server::{Cores, Place, Server, free_port};
use crate::verify::{CONNECTIONS, Stock, each_once};
use crate::{Outcome, machine, requests};

/// A peer, its script in `bench/peers`, and our share of its processor time that is the goal.
struct Peer {
    name: &'static str,
    script: &'static str,
    packages: &'static [&'static str],
    goal: f64,
}

const PEERS: [Peer; 3] = [
    Peer { name: "Express + jose", script: "jose.mjs", packages: &["express", "jose"], goal: 6.0 },
    Peer {
        name: "@digitalbazaar/vc",
        script: "vc.mjs",
        packages: &["@digitalbazaar/vc", "@digitalbazaar/eddsa-rdfc-2022-cryptosuite"],
        goal: 35.0,
    },
    Peer {
        name: "oidc-provider introspection",
        script: "introspect.mjs",
        packages: &["oidc-provider"],
        goal: 5.0,
    },
];

/// A running peer and the requests it wants.
struct Running {
    server: Server,
    requests: Vec<Box<[u8]>>,
    good: String,
}

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> Outcome<()> {
    let folder = plan.root.join("bench/peers");
    if !folder.join("node_modules").is_dir() {
        return Err("peers: run `npm ci` in bench/peers first".into());
    }
    let stock = crate::verify::stock(plan, report)?;
    machine::stay_on(machine::GENERATOR_CORE)?;
    let first_seen: Vec<Box<[u8]>> =
        stock.documents.iter().map(|document| requests::verify(document)).collect();
    for peer in PEERS {
        let running = start(plan, &folder, &peer)?;
        compare(plan, report, &peer, &running, &stock, &first_seen)?;
        running.server.stop()?;
    }
    report.note("node", machine::said("node", &["--version"]).into());
    Ok(())
}

/// Starts a peer. It writes what to ask it before it is ready.
fn start(plan: &Plan, folder: &Path, peer: &Peer) -> Outcome<Running> {
    let place = Place { folder: plan.folder.join(peer.script), port: free_port()? };
    fs::create_dir_all(&place.folder)?;
    let wishes = place.folder.join("requests.json");
    let mut command = plan.starter.command(Path::new("node"), Cores::One);
    command.arg(folder.join(peer.script)).arg(place.port.to_string()).arg(&wishes);
    command.env("NODE_ENV", "production").stdout(fs::File::create(place.folder.join("output"))?);
    let address = SocketAddr::from(([127, 0, 0, 1], place.port));
    let server = Server::start(command, address, &requests::get("/ready"))?;
    let wishes: Value = serde_json::from_slice(&fs::read(wishes)?)?;
    let text = |name: &str| wishes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (path, media, header, good) = (text("path"), text("media"), text("header"), text("good"));
    let bodies = wishes.get("bodies").and_then(Value::as_array).ok_or("the peer wants no requests")?;
    let bodies = bodies.iter().filter_map(Value::as_str);
    let requests =
        bodies.map(|body| requests::with_body("POST", &path, &media, &header, body.as_bytes())).collect();
    Ok(Running { server, requests, good })
}

fn compare(
    plan: &Plan,
    report: &mut Report,
    peer: &Peer,
    running: &Running,
    stock: &Stock,
    first_seen: &[Box<[u8]>],
) -> Outcome<()> {
    let ours = crate::verify::warm(plan, stock)?;
    let mut to_peer = Generator::open(running.server.address, CONNECTIONS)?;
    let mut to_ours = Generator::open(ours.address, CONNECTIONS)?;
    // A just-in-time compiler needs its time.
    for _ in 0..2 {
        turn(plan, running, &mut to_peer)?;
    }
    let mut turns = first_seen.chunks((first_seen.len() / plan.pairs).max(1));
    let pairs = interleave(
        plan.pairs,
        || turn(plan, running, &mut to_peer),
        || {
            let mut part = turns.next().ok_or("too few passports")?.iter();
            each_once(&ours, &mut to_ours, || part.next())
        },
    )?;
    ours.stop()?;
    let cpu = pairs.cpu();
    let goal = 1.0 / peer.goal;
    report.add(Row {
        name: format!("CPU per first-seen verify : {}", peer.name),
        goal: format!("≤ 1/{:.0}", peer.goal),
        figure: format!(
            "1/{:.1} (worst 1/{:.1}): {:.1} of {:.1} µs; {:.0}/s of {:.0}/s",
            1.0 / cpu.median,
            1.0 / cpu.worst,
            pairs.our_cpu(),
            pairs.yardstick_cpu(),
            pairs.our_rate(),
            pairs.yardstick_rate(),
        ),
        met: Some(cpu.median <= goal),
        detail: json!({
            "cpu": cpu.to_json(), "pairs": pairs.to_json(), "versions": versions(plan, peer),
        }),
    });
    Ok(())
}

fn turn(plan: &Plan, running: &Running, generator: &mut Generator) -> Outcome<Sample> {
    let started = Instant::now();
    let mut around = running.requests.iter().cycle();
    running.server.sample(|| {
        let load = generator.run(
            || if started.elapsed() < plan.turn { around.next().map(|one| (0, &**one)) } else { None },
            |_, answer, _| {
                let body = String::from_utf8_lossy(answer.body);
                if body.contains(&running.good) {
                    Ok(())
                } else {
                    Err(format!("the peer answered {body}").into())
                }
            },
        )?;
        Ok((load.answers, load.elapsed))
    })
}

fn versions(plan: &Plan, peer: &Peer) -> Value {
    let of = |package: &&str| {
        let file = plan.root.join("bench/peers/node_modules").join(package).join("package.json");
        let manifest: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        Some((*(*package)).to_owned() + "@" + manifest.get("version")?.as_str()?)
    };
    peer.packages.iter().filter_map(of).collect()
}
