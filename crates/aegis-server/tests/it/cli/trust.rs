//! Pinning an issuer's keys and following them.

use super::program::{Program, Sandbox, free_port};

/// Keys are taken by fingerprint only if it is theirs; a rotation is followed forward, never back.
#[test]
fn follows_rotations() {
    let sandbox = Sandbox::start();
    let program = &sandbox.program;
    let url = sandbox.url.as_str();
    let digest = sandbox.greeting.lines().find_map(|line| line.trim().strip_prefix("keys digest ")).unwrap();
    program.run(&["trust-root", "fetch", url]).ends_with(2);
    let wrong = format!("sha256:{}", "0".repeat(64));
    let refused = program.run(&["trust-root", "fetch", url, "--fingerprint", &wrong]);
    refused.ends_with(1);
    assert!(refused.out.is_empty() && refused.err.contains(digest.trim()), "{refused:?}");
    let root = program.run(&["trust-root", "fetch", url, "--fingerprint", digest.trim()]);
    root.ends_with(0);
    program.write("root.json", &root.out);
    program.write("old.json", &root.out);
    let update = ["trust-root", "update", url, "--trust-root", "root.json"];
    sandbox.as_admin(&["keys", "rotate", "root", "--url", url]).ends_with(0);
    program.run(&update).ends_with(0);
    let listed = program.run(&["keys", "list", "--url", url]);
    let active = listed.out.lines().find(|line| line.starts_with("passport") && line.contains(" active "));
    let active = active.and_then(|line| line.split_whitespace().last()).unwrap();
    sandbox.as_admin(&["keys", "retire", active, "--url", url]).ends_with(0);
    sandbox.as_admin(&["keys", "retire", active, "--url", url]).ends_with(1);
    sandbox.issue("passport.json");
    // The new key is unknown to the old pin, which is no proof against the passport.
    let unknown = program.run(&["verify", "passport.json", "--trust-root", "root.json"]);
    unknown.ends_with(4);
    assert!(unknown.out.contains("KEY_UNKNOWN") && unknown.out.contains("trust-root update"), "{unknown:?}");
    program.run(&update).ends_with(0);
    let known = program.run(&["verify", "passport.json", "--trust-root", "root.json"]);
    known.ends_with(4);
    assert!(known.out.contains("passed: schema, issuer, key, signature, time"), "{known:?}");
    let same = program.run(&update);
    same.ends_with(0);
    assert!(same.out.contains("still the newest"), "{same:?}");
    // Every root signs as long as it is not revoked, so who missed the change of the root can follow as well.
    program.run(&["trust-root", "update", url, "--trust-root", "old.json"]).ends_with(0);
    assert_eq!(program.read("old.json"), program.read("root.json"));
    program.write("old.json", &root.out);
    // Another instance is another issuer.
    let other = Sandbox::start();
    let foreign = program.run(&["trust-root", "update", &other.url, "--trust-root", "root.json"]);
    foreign.ends_with(1);
    assert!(program.read("root.json") != program.read("old.json"));
}

/// After a key is declared compromised, nothing it signed is believed offline.
#[test]
fn compromised_keys() {
    let sandbox = Sandbox::start();
    let (program, url) = (&sandbox.program, sandbox.url.as_str());
    sandbox.issue("passport.json");
    let passport: serde_json::Value = serde_json::from_str(&program.read("passport.json")).unwrap();
    let key = passport["key_id"].as_str().unwrap();
    let compromise = ["keys", "compromise", key, "--reason", "a test", "--url", url];
    sandbox.as_admin(&compromise).ends_with(2);
    sandbox.as_admin(&[&compromise[..], &["--since", "2020-01-01T00:00:00Z"]].concat()).ends_with(1);
    sandbox.as_admin(&[&compromise[..], &["--since", "now"]].concat()).ends_with(0);
    let root = program.run(&["trust-root", "fetch", url, "--accept-first"]);
    program.write("root.json", &root.out);
    let refused = program.run(&["verify", "passport.json", "--trust-root", "root.json"]);
    refused.ends_with(1);
    assert!(refused.out.contains("KEY_REVOKED"), "{refused:?}");
}

/// Over TLS a server is believed if this system trusts its certificate, and not otherwise.
#[test]
fn servers_over_tls() {
    let (program, port) = (Program::new(), free_port());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    program.write("cert.pem", &made.cert.pem());
    program.write("key.pem", &made.signing_key.serialize_pem());
    program.write("aegis.toml", "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n");
    let server = program.serve(port);
    let url = format!("https://localhost:{port}");
    let fetch = ["trust-root", "fetch", url.as_str(), "--accept-first"];
    program.run_in(("SSL_CERT_FILE", "cert.pem"), &fetch).ends_with(0);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    program.write("other.pem", &other.cert.pem());
    let refused = program.run_in(("SSL_CERT_FILE", "other.pem"), &fetch);
    refused.ends_with(4);
    assert!(refused.err.contains("no answer from https://localhost"), "{refused:?}");
    server.kill();
}
