//! Starting, stopping and looking after an instance.

use super::program::{Program, Sandbox, free_port};

/// SIGTERM ends with 0; after `kill -9` the next start knows everything that was acknowledged.
#[test]
fn ends_and_begins_again() {
    let sandbox = Sandbox::start();
    sandbox.issue("passport.json");
    let keys = sandbox.program.read("aegis-data/sandbox.json");
    let Sandbox { program, url, port, server, .. } = sandbox;
    server.kill();
    let server = program.serve(port);
    program.run(&["verify", "passport.json", "--url", &url]).ends_with(0);
    assert_eq!(program.read("aegis-data/sandbox.json"), keys);
    assert!(!server.greeting.contains("ak_test_"), "keys are shown once: {}", server.greeting);
    assert_eq!(server.terminate(), Some(0));
}

/// A crash between seeding and writing the keys down costs nothing: the next start writes the same keys.
#[test]
fn first_start_survives_a_crash() {
    let sandbox = Sandbox::start();
    let keys = sandbox.program.read("aegis-data/sandbox.json");
    let Sandbox { program, port, server, .. } = sandbox;
    server.kill();
    std::fs::remove_file(program.path("aegis-data/sandbox.json")).unwrap();
    let server = program.serve(port);
    assert_eq!(program.read("aegis-data/sandbox.json"), keys);
    server.kill();
}

/// One directory, one process: the second is told so and ends.
#[test]
fn one_process_for_a_directory() {
    let sandbox = Sandbox::start();
    let listen = format!("127.0.0.1:{}", free_port());
    let second = sandbox.program.run(&["serve", "--listen", &listen]);
    second.ends_with(1);
    assert!(second.err.contains("another aegis process"), "{second:?}");
    let taken = Program::new().run(&["serve", "--listen", &format!("127.0.0.1:{}", sandbox.port)]);
    taken.ends_with(1);
    assert!(taken.err.contains("cannot listen on"), "{taken:?}");
}

/// `fsck` finds a clean log clean beside the running server, and names the entry that somebody changed.
#[test]
fn fsck() {
    let sandbox = Sandbox::start();
    sandbox.issue("passport.json");
    let clean = sandbox.program.run(&["fsck"]);
    clean.ends_with(0);
    assert!(clean.out.contains("as it was signed"), "{clean:?}");
    let Sandbox { program, server, .. } = sandbox;
    assert_eq!(server.terminate(), Some(0));
    let file = program.path("aegis-data/aegis.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let (old, new) = (b"account.seed_sandbox", b"account.seed_sandbax");
    let places: Vec<usize> =
        (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    std::fs::write(&file, bytes).unwrap();
    let damaged = program.run(&["fsck"]);
    damaged.ends_with(1);
    assert!(damaged.err.contains("DAMAGED: ") && damaged.err.contains("entry"), "{damaged:?}");
    Program::new().run(&["fsck"]).ends_with(4);
}

/// A production instance is made once, says its admin key once, and needs its key-encryption key.
#[test]
fn init() {
    let program = Program::new();
    let config = "mode = \"production\"\n[http]\npublic_origin = \"https://id.example.org\"\n\
        [keys]\nkek_file = \"kek\"\n[database]\nurl = \"sqlite:aegis.db\"\n";
    program.write("aegis.toml", config);
    program.run(&["init"]).ends_with(2);
    let without = program.run(&["init", "--production"]);
    without.ends_with(2);
    assert!(
        without.err.contains("keys.kek_file") && without.err.contains("openssl rand -hex 32"),
        "{without:?}"
    );
    let missing = program.run(&["migrate"]);
    missing.ends_with(1);
    assert!(missing.err.contains("aegis init --production"), "{missing:?}");
    program.shell("(umask 077; printf '0a%.0s' $(seq 32) > kek)").ends_with(0);
    let first = program.run(&["init", "--production"]);
    first.ends_with(0);
    assert!(first.out.starts_with("ak_live_") && first.out.lines().count() == 1, "{first:?}");
    let again = program.run(&["init", "--production"]);
    again.ends_with(1);
    assert!(again.out.is_empty() && again.err.contains("already"), "{again:?}");
    program.run(&["migrate"]).ends_with(0);
    program.run(&["fsck"]).ends_with(0);
}

/// The configuration is shown with its sources; an unknown key is named with the one that was meant.
#[test]
fn check_config() {
    let program = Program::new();
    program.write("good.toml", "[identity]\nissue_per_hour = 20\n");
    let good = program.run(&["check-config", "--config", "good.toml", "--data", "elsewhere"]);
    good.ends_with(0);
    assert!(good.out.contains("issue_per_hour = 20") && good.out.contains("# good.toml"), "{good:?}");
    assert!(good.out.contains("# command line"), "{good:?}");
    program.write("bad.toml", "[identity]\nissues_per_hour = 20\n");
    let bad = program.run(&["check-config", "--config", "bad.toml"]);
    bad.ends_with(2);
    assert!(
        bad.err.contains("identity.issues_per_hour") && bad.err.contains("`identity.issue_per_hour`"),
        "{bad:?}"
    );
    program.run(&["check-config", "--config", "none.toml"]).ends_with(2);
}

/// Counters are for admin keys; they name routes, operations and reasons, and no tenant.
#[test]
fn metrics() {
    let sandbox = Sandbox::start();
    sandbox.issue("passport.json");
    sandbox.program.run(&["verify", "passport.json", "--url", &sandbox.url]).ends_with(0);
    sandbox.program.run(&["verify", "passport.json", "--url", &sandbox.url]).ends_with(0);
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let read = |key: &str| {
        let mut answer =
            agent.get(format!("{}/metrics", sandbox.url)).header("x-api-key", key).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    assert_eq!(read(&sandbox.key("/operator/apiKey")).0, 403);
    let (status, page) = read(&sandbox.key("/adminKey"));
    assert_eq!(status, 200);
    for line in [
        r#"aegis_http_requests_total{route="/api/agent/verify",method="POST",status="2xx"} 2"#,
        r#"aegis_http_request_duration_seconds_count{route="/api/agent/verify",method="POST"} 2"#,
        r#"aegis_operations_total{operation="identity.issue",outcome="done"} 1"#,
        r#"aegis_verifications_total{reason_code="VALID"} 2"#,
        r#"aegis_signatures_total{proof="remembered"} 1"#,
        "aegis_log_entries_waiting ",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(!page.contains("acme") && !page.contains("ak_test"), "{page}");
}
