//! Arrows A1 to A3: which crate may know which, read from Cargo's own description of the workspace.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use super::{Finding, report, root};

/// A crate of ours and what it may name: in the program, and besides that in its tests.
struct Arrow {
    from: &'static str,
    to: &'static [&'static str],
    pure: bool,
}

/// A1 and A2. A new crate gets a line here, with the boundary it draws described in ARCHITECTURE.md.
const ARROWS: &[Arrow] = &[
    Arrow { from: "aegis-core", to: &[], pure: true },
    Arrow { from: "aegis-tlog", to: &["aegis-core"], pure: true },
    Arrow { from: "aegis-passport", to: &["aegis-core", "aegis-tlog"], pure: true },
    Arrow { from: "aegis-wallet", to: &["aegis-core"], pure: true },
    Arrow { from: "aegis-store", to: &["aegis-core"], pure: false },
    Arrow { from: "aegis-kernel", to: &["aegis-core", "aegis-tlog", "aegis-store"], pure: false },
    Arrow {
        from: "aegis-server",
        to: &["aegis-core", "aegis-tlog", "aegis-passport", "aegis-store", "aegis-kernel"],
        pure: false,
    },
    Arrow {
        from: "aegis-testkit",
        to: &["aegis-core", "aegis-tlog", "aegis-store", "aegis-kernel"],
        pure: false,
    },
    Arrow {
        from: "aegis-bench",
        to: &["aegis-core", "aegis-passport", "aegis-store", "aegis-kernel", "aegis-server"],
        pure: false,
    },
    Arrow { from: "xtask", to: &[], pure: false },
];

/// Only tests may name this crate.
const TESTS_ONLY: &str = "aegis-testkit";

/// A1: what a pure crate may not reach, however indirectly: runtimes, sockets, HTTP and databases.
const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "object_store",
    "postgres",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "ureq",
    "utoipa",
];

/// A3: outside crates that only some of ours may name. `deny.toml` holds the same line against everybody else's.
const OWNED: &[(&str, &[&str])] = &[
    ("rusqlite", &["aegis-store"]),
    ("postgres", &["aegis-store", "aegis-testkit"]),
    ("axum", &["aegis-server"]),
    ("utoipa", &["aegis-server"]),
    ("utoipa-axum", &["aegis-server"]),
    ("hyper", &["aegis-server"]),
    ("jsonschema", &["aegis-server"]),
    ("curve25519-dalek", &["aegis-core"]),
    ("ed25519-dalek", &["aegis-core", "aegis-bench"]),
    ("chacha20poly1305", &["aegis-core"]),
    ("hmac", &["aegis-core"]),
    ("lettre", &["aegis-kernel"]),
    ("sha1", &["aegis-core"]),
    ("sha2", &["aegis-core"]),
    ("sha3", &["aegis-core"]),
    ("rand_chacha", &["aegis-core"]),
];

/// A direct dependency: who names whom, and whether only tests do.
#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    in_tests: bool,
}

fn arrow_findings(edges: &[Edge], ours: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in ours.iter().filter(|name| ARROWS.iter().all(|arrow| arrow.from != *name)) {
        let what = format!("{name} has no line in the table of arrows");
        found.push(finding(
            name,
            "A2 arrows",
            what,
            "add the crate to ARROWS in tidy/arrows.rs and to ARCHITECTURE.md",
        ));
    }
    for edge in edges.iter().filter(|edge| ours.contains(&edge.to)) {
        let allowed = ARROWS.iter().find(|arrow| arrow.from == edge.from).map_or(&[][..], |arrow| arrow.to);
        let for_tests = edge.in_tests && edge.to == TESTS_ONLY;
        if !for_tests && !allowed.contains(&edge.to.as_str()) {
            let what = format!("{} may not know {}", edge.from, edge.to);
            found.push(finding(
                &edge.from,
                "A2 arrows",
                what,
                "pass a plain value in, or move the code to where both meet",
            ));
        }
    }
    for edge in edges.iter().filter(|edge| !edge.in_tests && ours.contains(&edge.from)) {
        let owners = OWNED.iter().find(|(name, _)| *name == edge.to).map(|(_, owners)| *owners);
        if owners.is_some_and(|owners| !owners.contains(&edge.from.as_str())) {
            let what = format!("{} names {}, which belongs to {owners:?}", edge.from, edge.to);
            found.push(finding(&edge.from, "A3 owners", what, "call the owning crate's function instead"));
        }
    }
    found
}

/// `graph` holds, for each package, the packages it needs to be built and run.
fn purity_findings(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Finding> {
    let mut found = Vec::new();
    for arrow in ARROWS.iter().filter(|arrow| arrow.pure) {
        let mut through: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = vec![arrow.from];
        while let Some(package) = open.pop() {
            for next in graph.get(package).into_iter().flatten() {
                if through.insert(next, package).is_none() {
                    open.push(next);
                }
            }
        }
        for (package, parent) in through.iter().filter(|(package, _)| IMPURE.contains(package)) {
            let what = format!("{} is pure, yet reaches {package} through {parent}", arrow.from);
            found.push(finding(
                arrow.from,
                "A1 purity",
                what,
                "drop the dependency or the feature that brings it in",
            ));
        }
    }
    found
}

fn finding(package: &str, rule: &'static str, what: String, remedy: &'static str) -> Finding {
    let path =
        if package == "xtask" { "xtask/Cargo.toml".into() } else { format!("crates/{package}/Cargo.toml") };
    Finding { path, line: 1, rule, what, remedy }
}

fn metadata() -> Result<Metadata, Box<dyn std::error::Error>> {
    let rustc = std::process::Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8(rustc.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    // One platform and no network: what built this test is all there is to look at.
    let options = ["--filter-platform", host, "--locked", "--offline"].map(str::to_owned).to_vec();
    Ok(MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(options).exec()?)
}

fn edges(metadata: &Metadata) -> (Vec<Edge>, BTreeSet<String>) {
    let members = metadata.workspace_packages();
    let ours = members.iter().map(|package| package.name.to_string()).collect();
    let edges = members.iter().flat_map(|package| {
        package.dependencies.iter().map(|dependency| Edge {
            from: package.name.to_string(),
            to: dependency.name.clone(),
            in_tests: dependency.kind == DependencyKind::Development,
        })
    });
    (edges.collect(), ours)
}

fn graph(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
        let needed = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        let needed = needed.filter_map(|dependency| names.get(&dependency.pkg).cloned());
        graph.entry(names.get(&node.id).cloned().unwrap_or_default()).or_default().extend(needed);
    }
    graph
}

/// A1: pure crates reach no runtime, socket, HTTP or database crate.
#[test]
fn pure_crates_stay_pure() {
    let graph = graph(&metadata().unwrap());
    assert!(
        graph.get("aegis-store").is_some_and(|needed| needed.contains("rusqlite")),
        "the graph is not the real one"
    );
    report(&purity_findings(&graph));
}

/// The rule above follows dependencies of dependencies, and only of pure crates.
#[test]
fn purity_can_fail() {
    let needs = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let bad = BTreeMap::from([needs("aegis-passport", "nice"), needs("nice", "tokio")]);
    assert_eq!(purity_findings(&bad).len(), 1);
    assert!(purity_findings(&BTreeMap::from([needs("aegis-kernel", "tokio")])).is_empty());
}

/// A2 and A3: crates know only whom the table allows, and drivers, HTTP and ciphers have one owner each.
#[test]
fn arrows_point_one_way() {
    let (edges, ours) = edges(&metadata().unwrap());
    assert!(
        edges.iter().any(|edge| edge.from == "aegis-store" && edge.to == "rusqlite"),
        "the edges are not the real ones"
    );
    report(&arrow_findings(&edges, &ours));
}

/// The rules above refuse a forbidden arrow, an unknown crate, a test crate in the program and a stranger's driver.
#[test]
fn arrows_can_fail() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let ours = names(&["aegis-core", "aegis-store", "aegis-kernel", "aegis-passport", "aegis-testkit"]);
    let rules = |from: &str, to: &str, in_tests: bool| {
        let edge = Edge { from: from.into(), to: to.into(), in_tests };
        arrow_findings(&[edge], &ours).into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules("aegis-kernel", "aegis-store", false), [""; 0]);
    assert_eq!(rules("aegis-store", "aegis-kernel", false), ["A2 arrows"]);
    assert_eq!(rules("aegis-passport", "aegis-store", true), ["A2 arrows"]);
    assert_eq!(rules("aegis-store", "aegis-testkit", true), [""; 0]);
    assert_eq!(rules("aegis-store", "aegis-testkit", false), ["A2 arrows"]);
    assert_eq!(rules("aegis-kernel", "rusqlite", false), ["A3 owners"]);
    assert_eq!(rules("aegis-store", "rusqlite", false), [""; 0]);
    assert_eq!(arrow_findings(&[], &names(&["aegis-surprise"])).len(), 1);
}
