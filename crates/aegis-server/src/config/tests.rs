//! Layers, and everything a configuration can be refused for.

use aegis_core::crypto::sign::SigningKey;
use aegis_tlog::note::NoteSigner;

use super::*;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aegis.toml");
    std::fs::write(&path, file).unwrap();
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { file: Some(path), environment, overrides: Overrides::default() };
    let outcome = Config::load(&sources).map_err(|fault| fault.to_string());
    outcome.map_err(|text| text.replace(&folder.path().display().to_string(), "DIR"))
}

fn refused(file: &str) -> String {
    load(file, &[]).unwrap_err()
}

/// Nothing configured is the sandbox on loopback.
#[test]
fn defaults_are_the_sandbox() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.mode, Mode::Sandbox);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_origin(), "http://localhost:8080");
    assert_eq!(config.database_url(), "sqlite:./aegis-data/aegis.db");
    assert_eq!(config.log_origin(), "localhost:8080/log");
    assert_eq!(config.kek_file(), PathBuf::from("./aegis-data/kek"));
    assert_eq!(config.identity.default_scopes, ["*"]);
    assert_eq!((config.identity.issue_per_hour, config.identity.require_agent_pubkey_from), (10, None));
    assert_eq!(config.tls.files(), None);
    assert!(config.http.workers().get() >= 1);
}

/// File over defaults, environment over file, command line over all; each value knows where it came from.
#[test]
fn later_layers_win() {
    let file = "data = '/file'\n[http]\nworkers = 3\nrequests_max = 7\n[identity]\nrequire_agent_pubkey_from = 'high'";
    let environment = [
        ("AEGIS__HTTP__WORKERS", "5"),
        ("AEGIS__HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"::1\"]"),
        ("AEGIS__IDENTITY__DEFAULT_SCOPES", "[\"a:b\"]"),
        ("AEGIS_API_KEY", "not ours"),
        ("PATH", "/bin"),
    ];
    let config = load(file, &environment).unwrap();
    assert_eq!(config.http.workers().get(), 5);
    assert_eq!(config.edge_settings().running_max, 7);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.identity.require_agent_pubkey_from, Some(RiskClass::High));
    assert_eq!(config.database_url(), "sqlite:/file/aegis.db");
    let text = config.effective();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert!(line("workers = 5").ends_with("# environment"));
    assert!(line("requests_max = 7").ends_with("aegis.toml"));
    assert!(line("queue_max = 4096").ends_with("# defaults"));
    assert!(line("url = \"sqlite:/file/aegis.db\"").ends_with("# derived"));
    assert!(text.contains("\n[telemetry]\n"));

    let overrides = Overrides {
        listen: Some("127.0.0.1:9".parse().unwrap()),
        data: Some("/line".into()),
        production: false,
    };
    let environment = vec![("AEGIS__DATA".to_owned(), "/env".to_owned())];
    let config = Config::load(&Sources { file: None, environment, overrides }).unwrap();
    assert_eq!((config.http.listen.port(), config.data), (9, PathBuf::from("/line")));
}

/// Unknown keys are all named, as they were written, with the nearest known.
#[test]
fn names_unknown_keys() {
    let text = load("[http]\nlisten_on = 1\n[htpt]\nworkers = 1\n", &[("AEGIS__LOG__INTERVALL_MS", "5")])
        .unwrap_err();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "htpt.workers (DIR/aegis.toml): there is no such key; did you mean `http.workers`?",
            "http.listen_on (DIR/aegis.toml): there is no such key; did you mean `http.listen`?",
            "AEGIS__LOG__INTERVALL_MS (environment): there is no such key; did you mean `log.interval_ms`?",
        ]
    );
}

/// Wrong types and words name key and place.
#[test]
fn names_wrong_values() {
    let text = refused("[http]\nworkers = 'many'");
    assert!(text.starts_with("http.workers (DIR/aegis.toml): "), "{text}");
    let text = refused("mode = 'maybe'");
    assert!(text.contains("`sandbox` or `production`") && text.starts_with("mode "), "{text}");
    let text = load("", &[("AEGIS__HTTP__LISTEN", "everywhere")]).unwrap_err();
    assert!(text.starts_with("AEGIS__HTTP__LISTEN (environment): "), "{text}");
    let text = refused("[http]\ntrusted_proxies = ['10.0.0.0/99']");
    assert!(text.contains("`10.0.0.0/99` is no address"), "{text}");
    assert!(refused("http = [").contains("aegis.toml"));
    assert!(refused("http = 3").starts_with("http"), "{}", refused("http = 3"));
}

/// Settings that cannot stand together are named, all at once.
#[test]
fn names_contradictions() {
    assert!(refused("[http]\nlisten = '0.0.0.0:80'").starts_with("http.listen: is not loopback"));
    assert!(load("[http]\nlisten = '0.0.0.0:80'\ntrusted_proxies = ['10.0.0.1']", &[]).is_ok());
    assert!(load("[http]\nlisten = '0.0.0.0:80'\n[tls]\ncert_file = 'c'\nkey_file = 'k'", &[]).is_ok());
    assert!(refused("[tls]\ncert_file = 'c'").starts_with("tls.key_file: must be set"));
    assert!(refused("[identity]\nstatus_lifetime_secs = 5").contains("must be 10 to 3600"));
    assert!(refused("[identity]\ndefault_scopes = ['a', 'a']").starts_with("identity.default_scopes"));
    assert!(refused("[database]\nurl = 'mysql://x'").starts_with("database.url: must be `sqlite:PATH`"));
    let secret = refused("[database]\nurl = 'postgres://u:hunter2@h/d'");
    assert!(secret.contains("database.password_file") && !secret.contains("hunter2"));
    for origin in [
        "ftp://x",
        "https://",
        "https://x/",
        "https://x/y",
        "https://u@x",
        "x",
        "https://X",
        "https://x:0",
        "https://:1",
    ] {
        assert!(
            refused(&format!("[http]\npublic_origin = '{origin}'")).starts_with("http.public_origin"),
            "{origin}"
        );
    }
    let production = refused("mode = 'production'\n[outbound]\nallow_loopback = true");
    let keys: Vec<_> = production.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(keys, ["http.public_origin", "outbound.allow_loopback", "keys.kek_file", "database.url"]);
    assert!(refused("[outbound]\nports = [0]").starts_with("outbound.ports: "));
    let word = load("", &[("AEGIS__OUTBOUND__ALLOW_LOOPBACK", "perhaps")]).unwrap_err();
    assert!(word.contains("neither true nor false"), "{word}");
}

/// An origin is a host, perhaps a port, and nothing else.
#[test]
fn accepts_origins() {
    for origin in ["http://localhost:8080", "https://id.example.org", "https://[::1]", "http://[::1]:80"] {
        let config = load(&format!("[http]\npublic_origin = '{origin}'"), &[]).unwrap();
        assert_eq!(config.public_origin(), origin);
    }
}

/// A complete production configuration is accepted.
#[test]
fn accepts_production() {
    let file = "mode = 'production'\n[http]\npublic_origin = 'https://id.example.org'\n[keys]\nkek_file = '/k'\n\
                [database]\nurl = 'postgres://aegis@db:5432/aegis'\npassword_file = '/p'";
    let config = load(file, &[]).unwrap();
    assert_eq!(config.log_origin(), "id.example.org/log");
    assert!(!config.outbound_rules().allow_loopback, "the own machine is closed in production");
    let sandbox = load("", &[]).unwrap().outbound_rules();
    assert_eq!((sandbox.allow_loopback, sandbox.ports), (true, vec![8443]));
    let closed = load("", &[("AEGIS__OUTBOUND__ALLOW_LOOPBACK", "false")]).unwrap();
    assert!(!closed.outbound_rules().allow_loopback);
}

/// Each key of the defaults is explained: a comment stands above it.
#[test]
fn every_default_is_explained() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for (index, line) in
        lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#'))
    {
        let above = lines[index - 1];
        // cert_file and key_file share one explanation.
        assert!(above.starts_with('#') || above.starts_with("cert_file"), "{line}");
    }
}

/// Logs to cosign are given by their keys; what is no key is named.
#[test]
fn witnessed_logs_are_verifier_keys() {
    let key = "other.example/log+f4f7a4d6+AQ==";
    let told = refused(&format!("[log]\nwitnessed = ['{key}']"));
    assert!(told.starts_with("log.witnessed") && told.contains(key), "{told}");
    let key = SigningKey::from_seed(&Secret::new([5; 32]));
    let signer = NoteSigner::new("other.example/log", key).unwrap();
    let config = load(&format!("[log]\nwitnessed = ['{}']", signer.verifier()), &[]).unwrap();
    assert_eq!(config.log.witnessed, [signer.verifier().clone()]);
}
