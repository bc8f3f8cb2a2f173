//! The program as people run it: the built binary, a directory of its own, a free port.

mod instance;
mod program;
mod trust;
mod verify;

use program::{Program, Sandbox};

/// The demonstration checks itself and leaves nothing behind.
#[test]
fn demo_holds() {
    let program = Program::new();
    let run = program.run(&["demo"]);
    run.ends_with(0);
    assert!(run.out.contains("expectations held."), "{run:?}");
    assert!(!run.out.contains("FAILED"), "{run:?}");
    assert_eq!(std::fs::read_dir(program.path("")).unwrap().count(), 0);
}

/// The same against a server that runs already, with a key from the environment.
#[test]
fn demo_walks_through_a_server() {
    let sandbox = Sandbox::start();
    sandbox.as_operator(&["demo", "--url", &sandbox.url]).ends_with(0);
    let stranger = sandbox.program.run(&["demo", "--url", &sandbox.url]);
    stranger.ends_with(2);
    assert!(stranger.err.contains("AEGIS_API_KEY") && stranger.err.contains("sandbox.json"), "{stranger:?}");
}

/// Every command explains itself, and a wrong one is a wrong use.
#[test]
fn help_and_wrong_use() {
    let program = Program::new();
    for command in
        ["", "serve", "demo", "verify", "trust-root", "passport", "org", "keys", "webhook", "fsck", "init"]
    {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        program.run(&arguments).ends_with(0);
    }
    program.run(&["bundle"]).ends_with(2);
    program.run(&["passport", "issue"]).ends_with(2);
    program.run(&["verify", "x.json"]).ends_with(2);
}

/// An endpoint is named, shown, disabled, enabled, rotated and forgotten from a terminal; secrets appear twice in all.
#[test]
fn webhooks_from_a_terminal() {
    let sandbox = Sandbox::start();
    let run = |arguments: &[&str]| {
        let arguments: Vec<&str> =
            ["webhook"].iter().chain(arguments).chain(&["--url", &sandbox.url]).copied().collect();
        sandbox.as_operator(&arguments)
    };
    let made = run(&["create", "http://127.0.0.1:9/hook", "--event", "passport.issued", "--asymmetric"]);
    made.ends_with(0);
    assert!(made.out.contains("whsec_") && made.out.contains("whpk_"), "{made:?}");
    let id = made.out.split_whitespace().find(|word| word.starts_with("whk_")).unwrap();
    let listed = run(&["list"]);
    assert!(listed.out.contains(id) && listed.out.contains("enabled"), "{listed:?}");
    run(&["disable", id]).ends_with(0);
    let refused = run(&["test", id]);
    refused.ends_with(1);
    assert!(refused.err.contains("STATE_CONFLICT"), "{refused:?}");
    run(&["enable", id]).ends_with(0);
    run(&["test", id]).ends_with(0);
    run(&["deliveries", id]).ends_with(0);
    let shown = run(&["show", id]);
    assert!(shown.out.contains("passport.issued") && !shown.out.contains("whsec_"), "{shown:?}");
    let rotated = run(&["rotate", id]);
    assert!(rotated.out.contains("whsec_"), "{rotated:?}");
    run(&["delete", id]).ends_with(0);
    run(&["show", id]).ends_with(1);
    run(&["create", "https://10.0.0.1/"]).ends_with(1);
    run(&["redeliver", "../keys"]).ends_with(2);
}

/// What a sandbox prints to be pasted works as it is, and shows the passport valid, then revoked.
#[test]
fn pasted_commands_work() {
    let sandbox = Sandbox::start();
    let greeting = sandbox.greeting.replace(concat!(env!("CARGO_BIN_EXE_aegis"), " "), "aegis ");
    let line = |start: &str| greeting.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap();
    let key = line("export AEGIS_API_KEY");
    let issue = format!("{key} && {}", line("aegis passport issue"));
    sandbox.program.shell(&issue).ends_with(0);
    sandbox.program.shell(line("aegis verify")).ends_with(0);
    sandbox.program.shell(&format!("{key} && {}", line("aegis passport revoke"))).ends_with(0);
    let revoked = sandbox.program.shell(line("aegis verify"));
    revoked.ends_with(1);
    assert!(revoked.out.contains("INVALID (REVOKED)"), "{revoked:?}");
    let listed = sandbox.as_operator(&["passport", "list", "--url", &sandbox.url]);
    assert!(listed.out.contains("revoked"), "{listed:?}");
}

/// The admin creates, suspends and resumes organizations; a suspended one is refused at once.
#[test]
fn organizations() {
    let sandbox = Sandbox::start();
    let url = sandbox.url.as_str();
    let create = ["org", "create", "Zeta Labs", "--role", "operator", "--country", "DE", "--url", url];
    sandbox.as_operator(&create).ends_with(1);
    let made = sandbox.as_admin(&create);
    made.ends_with(0);
    assert!(made.out.contains("ak_test_"), "{made:?}");
    let list = sandbox.as_admin(&["org", "list", "--url", url]);
    assert!(list.out.contains("Zeta Labs") && list.out.contains("op_acme_corp"), "{list:?}");
    sandbox.as_admin(&["org", "suspend", "op_acme_corp", "--url", url]).ends_with(0);
    let refused = sandbox.as_operator(&["passport", "list", "--url", url]);
    refused.ends_with(1);
    assert!(
        refused.err.contains("ORGANIZATION_SUSPENDED") && refused.err.contains("request id"),
        "{refused:?}"
    );
    sandbox.as_admin(&["org", "resume", "op_acme_corp", "--url", url]).ends_with(0);
    sandbox.as_operator(&["passport", "list", "--url", url]).ends_with(0);
    sandbox.as_admin(&["org", "show", "op_nobody", "--url", url]).ends_with(1);
}

/// All that is wrong with a request is shown, each with its place.
#[test]
fn refusals_are_shown() {
    let sandbox = Sandbox::start();
    let url = sandbox.url.as_str();
    let wrong =
        ["passport", "issue", "--url", url, "--operator", "acme", "--jurisdiction", "Mars", "--risk", "high"];
    let run = sandbox.as_operator(&[&wrong[..], &["--policy", "gdpr", "--model", "m"]].concat());
    run.ends_with(1);
    for part in ["VALIDATION_ERROR", "/operator_id", "/jurisdiction", "request id"] {
        assert!(run.err.contains(part), "{part}: {run:?}");
    }
    assert_eq!(run.out, "");
}
