//! `aegis verify`: what each exit code says.

use serde_json::Value;

use super::program::{Sandbox, free_port};

/// Online: 0 valid, 1 invalid, 2 no such file, 4 no server; of several files the worst.
#[test]
fn online() {
    let sandbox = Sandbox::start();
    sandbox.issue("good.json");
    let program = &sandbox.program;
    program.write("forged.json", &program.read("good.json").replace("m-1", "m-2"));
    program.write("text.json", "no JSON at all");
    let verify = |files: &[&str]| program.run(&[&["verify", "--url", &sandbox.url], files].concat());
    let good = verify(&["good.json"]);
    good.ends_with(0);
    assert!(good.out.starts_with("good.json: VALID\n"), "{good:?}");
    let forged = verify(&["forged.json"]);
    forged.ends_with(1);
    assert!(forged.out.contains("SIGNATURE_INVALID"), "{forged:?}");
    verify(&["text.json"]).ends_with(1);
    verify(&["good.json", "forged.json"]).ends_with(1);
    verify(&["good.json", "none.json", "forged.json"]).ends_with(2);
    verify(&["good.json", "--at", "2999-01-01T00:00:00Z"]).ends_with(2);
    let before = verify(&["good.json", "--at", "2020-01-01T00:00:00Z", "--json"]);
    before.ends_with(1);
    assert!(before.out.contains("NOT_YET_VALID") && before.out.contains("valid_as_known_at"), "{before:?}");
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    program.run(&["verify", "good.json", "--url", &nowhere]).ends_with(4);
}

/// Offline: what fails for certain is 1; the rest is 4, because nobody was asked about status.
#[test]
fn offline() {
    let sandbox = Sandbox::start();
    sandbox.issue("good.json");
    let program = &sandbox.program;
    let root = program.run(&["trust-root", "fetch", &sandbox.url, "--accept-first"]);
    root.ends_with(0);
    program.write("root.json", &root.out);
    program.write("forged.json", &program.read("good.json").replace("m-1", "m-2"));
    program
        .write("foreign.json", &program.read("good.json").replace("did:web:localhost", "did:web:elsewhere"));
    let verify = |files: &[&str]| program.run(&[&["verify", "--trust-root", "root.json"], files].concat());
    let good = verify(&["good.json", "--json"]);
    good.ends_with(4);
    // The five members come first, in this order, and nothing is claimed that was not checked.
    assert!(good.out.starts_with(r#"{"valid":false,"agent_id":"agent_"#), "{good:?}");
    let answer: Value = serde_json::from_str(&good.out).unwrap();
    assert_eq!((&answer["verdict"], &answer["reason_code"]), (&"unknown".into(), &Value::Null));
    assert_eq!((&answer["status_fresh"], &answer["status_as_of"]), (&false.into(), &Value::Null));
    assert_eq!(answer["checks"]["signature"]["result"], "pass");
    assert_eq!(answer["checks"]["lineage"]["result"], "skipped");
    let forged = verify(&["forged.json", "--json"]);
    forged.ends_with(1);
    let answer: Value = serde_json::from_str(&forged.out).unwrap();
    assert_eq!((&answer["reason_code"], &answer["agent_id"]), (&"SIGNATURE_INVALID".into(), &Value::Null));
    verify(&["foreign.json"]).ends_with(4);
    verify(&["good.json", "forged.json"]).ends_with(1);
    verify(&["good.json", "--at", "2020-01-01T00:00:00Z"]).ends_with(1);
    program.run(&["verify", "good.json", "--trust-root", "good.json"]).ends_with(2);
    program.run(&["verify", "good.json", "--trust-root", "none.json"]).ends_with(2);
}
