//! Arrows A5 to A9: what may be written in which file.

use super::source::{Source, closing, line_of, words};
use super::{File, Finding, report, rust_files};

/// The slices of the server: folders of `crates/aegis-server/src/`.
const SLICES: [&str; 7] = ["account", "audit", "imaging", "passport", "sandbox", "wallet", "webhook"];
const SERVER: &str = "crates/aegis-server/src/";

fn slice_of(path: &str) -> Option<&str> {
    let (folder, _) = path.strip_prefix(SERVER)?.split_once('/')?;
    SLICES.contains(&folder).then_some(folder)
}

/// A5: `crate::other`, `use crate::{other, …}` and `super::super::other` inside a slice.
fn foreign_slices(file: &File) -> Vec<Finding> {
    let Some(own) = slice_of(&file.path) else { return Vec::new() };
    let code = Source::read(&file.text).code;
    let mut found = Vec::new();
    for start in ["crate::", "super::super::"] {
        for (at, _) in code.match_indices(start) {
            let from = at.saturating_add(start.len());
            let rest = code.get(from..).unwrap_or_default();
            let group = if rest.starts_with('{') { closing(&code, from) } else { None };
            let reached = code.get(from..group.unwrap_or(code.len())).unwrap_or_default();
            let heads = if group.is_some() {
                group_heads(reached)
            } else {
                words(reached).into_iter().take(1).collect()
            };
            let foreign = heads.into_iter().filter(|(_, head)| SLICES.contains(head) && *head != own);
            found.extend(foreign.map(|(offset, head)| Finding {
                path: file.path.clone(),
                line: line_of(&code, from.saturating_add(offset)),
                rule: "A5 slices",
                what: format!("the slice {own} reaches into the slice {head}"),
                remedy: "meet in the kernel: an event, an authenticator or a value wired in app.rs",
            }));
        }
    }
    found
}

/// The first word of each path of a `{…}` group.
fn group_heads(group: &str) -> Vec<(usize, &str)> {
    let mut depth: usize = 0;
    let mut expecting = false;
    let mut heads = Vec::new();
    let words = words(group);
    for (at, character) in group.char_indices() {
        match character {
            '{' => {
                depth = depth.saturating_add(1);
                expecting = depth == 1;
            }
            '}' => depth = depth.saturating_sub(1),
            ',' => expecting = depth == 1,
            _ if character.is_whitespace() => {}
            _ if expecting => {
                heads.extend(words.iter().find(|(start, _)| *start == at).copied());
                expecting = false;
            }
            _ => {}
        }
    }
    heads
}

/// A6: files and folders of the server where HTTP types may stand: the shared edge, that of each slice, and the wiring.
const HTTP_FILES: [&str; 10] =
    ["http", "routes", "problems", "upload", "download", "stream", "app", "serve", "router", "outbound"];
const HTTP_CRATES: [&str; 6] = ["axum", "hyper", "hyper_util", "tower", "tower_http", "utoipa_axum"];

fn http_outside(file: &File) -> Vec<Finding> {
    if !file.path.starts_with(SERVER) || file.plays(&HTTP_FILES) {
        return Vec::new();
    }
    let source = Source::shipped(&file.text);
    let named = HTTP_CRATES
        .iter()
        .flat_map(|name| source.lines_with(name).into_iter().map(move |line| (line, *name)));
    let bare = source.code.match_indices("http::").filter(|(at, _)| {
        let before = source.code.get(..*at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && before != '_' && before != ':')
    });
    let bare = bare.map(|(at, _)| (line_of(&source.code, at), "http"));
    let found = named.chain(bare).map(|(line, name)| Finding {
        path: file.path.clone(),
        line,
        rule: "A6 HTTP",
        what: format!("{name} is named outside the HTTP files"),
        remedy: "decode in routes.rs, decide elsewhere, map refusals in problems.rs; shared parts live in src/http/",
    });
    found.collect()
}

/// A7: files and folders that hold JSON shapes by their name; `http/` is wire as a whole.
const JSON_FILES: [&str; 3] = ["wire", "config", "http"];
/// A7: documents that third parties verify, and payloads that are stored as JSON.
const DOCUMENT_FILES: [&str; 1] = ["crates/aegis-kernel/src/idempotency.rs"];
const JSON_DERIVES: [&str; 3] = ["Serialize", "Deserialize", "ToSchema"];

fn json_outside(file: &File) -> Vec<Finding> {
    let is_ours = file.path.starts_with("crates/") && file.path.contains("/src/");
    if !is_ours || file.plays(&JSON_FILES) || DOCUMENT_FILES.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let code = Source::shipped(&file.text).code;
    let derives = code.match_indices("derive(").filter_map(|(at, start)| {
        let open = at.saturating_add(start.len()).saturating_sub(1);
        let inside = code.get(open..closing(&code, open)?)?;
        let name = words(inside).into_iter().find(|(_, word)| JSON_DERIVES.contains(word))?;
        Some((line_of(&code, open.saturating_add(name.0)), name.1))
    });
    let found = derives.map(|(line, name)| Finding {
        path: file.path.clone(),
        line,
        rule: "A7 JSON",
        what: format!("{name} is derived outside the wire, the configuration and the documents"),
        remedy: "make a twin in wire.rs and convert; a document for third parties is listed in tidy/slices.rs",
    });
    found.collect()
}

/// A8: the only files that may lift a ban of clippy.toml, and for what.
const EFFECT_FILES: [(&str, &str); 7] = [
    ("crates/aegis-core/src/crypto/sign.rs", "the one verify function"),
    ("crates/aegis-kernel/src/clock.rs", "the one clock"),
    ("crates/aegis-kernel/src/os_entropy.rs", "the system's randomness"),
    ("crates/aegis-kernel/src/tasks.rs", "starting tasks"),
    ("crates/aegis-server/src/config.rs", "the environment"),
    ("crates/aegis-server/src/http/committed.rs", "tests only: the switch that rewrites committed files"),
    ("crates/aegis-store/src/migrate.rs", "a note for operators beside an applied step; no rule reads it"),
];

fn lifted_bans(file: &File) -> Vec<Finding> {
    let ships = file.path.starts_with("crates/") && file.path.contains("/src/");
    let for_tests = file.path.starts_with("crates/aegis-testkit/");
    if !ships || for_tests || EFFECT_FILES.iter().any(|(path, _)| *path == file.path) {
        return Vec::new();
    }
    let source = Source::shipped(&file.text);
    let lines =
        ["disallowed_methods", "disallowed_types"].into_iter().flat_map(|lint| source.lines_with(lint));
    let found = lines.map(|line| Finding {
        path: file.path.clone(),
        line,
        rule: "A8 effects",
        what: "a ban of clippy.toml is lifted here".to_owned(),
        remedy: "take time, randomness, environment and tasks from the one file that owns them",
    });
    found.collect()
}

/// A9: SQL text stands in files and folders called `sql`, and where databases are made and opened.
fn may_hold_sql(file: &File) -> bool {
    file.plays(&["sql", "tests", "aegis-store", "aegis-testkit", "xtask"])
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    let starts = [
        "SELECT ",
        "INSERT INTO ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "CREATE INDEX ",
        "CREATE UNIQUE INDEX ",
        "DROP TABLE ",
        "ALTER TABLE ",
        "PRAGMA ",
    ];
    starts.iter().any(|start| text.starts_with(start))
        || (text.starts_with("UPDATE ") && text.contains(" SET "))
        || (text.starts_with("WITH ") && text.contains("SELECT "))
}

fn sql_outside(file: &File) -> Vec<Finding> {
    if may_hold_sql(file) {
        return Vec::new();
    }
    let strings = Source::shipped(&file.text).strings;
    let found = strings.iter().filter(|string| is_sql(&string.text)).map(|string| Finding {
        path: file.path.clone(),
        line: string.line,
        rule: "A9 SQL",
        what: "SQL text outside sql.rs and sql/".to_owned(),
        remedy: "write one function for the statement in the nearest sql.rs and call it",
    });
    found.collect()
}

fn check(rule: fn(&File) -> Vec<Finding>) -> std::io::Result<()> {
    let found: Vec<Finding> = rust_files()?.iter().flat_map(rule).collect();
    report(&found);
    Ok(())
}

/// A5: slices do not import each other.
#[test]
fn slices_are_strangers() {
    check(foreign_slices).unwrap();
}

/// The rule above reads single paths, groups and `super`, and lets a slice name itself and the shared modules.
#[test]
fn slices_can_fail() {
    let path = "crates/aegis-server/src/passport/ops.rs";
    let lines = |text: &str| {
        foreign_slices(&File::new(path, text)).iter().map(|finding| finding.line).collect::<Vec<_>>()
    };
    assert_eq!(lines("use crate::account::sql;"), [1]);
    assert_eq!(lines("use crate::{http::Reply,\n account::{a, b},\n passport::wire};"), [2]);
    assert_eq!(lines("\n\nuse super::super::audit;"), [3]);
    assert_eq!(lines("use crate::passport::wire; use crate::http::call; // crate::account"), [0; 0]);
    assert!(foreign_slices(&File::new("crates/aegis-server/src/app.rs", "use crate::account;")).is_empty());
}

/// A6: HTTP types stay at the edge.
#[test]
fn http_stays_at_the_edge() {
    check(http_outside).unwrap();
}

/// The rule above refuses the crates and the bare path, and knows our own module `http`.
#[test]
fn http_can_fail() {
    let found = |path: &str, text: &str| http_outside(&File::new(path, text)).len();
    assert_eq!(
        found("crates/aegis-server/src/passport/ops.rs", "use axum::Json;\nfn a(s: http::StatusCode) {}"),
        2
    );
    assert_eq!(found("crates/aegis-server/src/passport/ops.rs", "use crate::http::Reply;"), 0);
    assert_eq!(found("crates/aegis-server/src/passport/routes.rs", "use axum::Json;"), 0);
    assert_eq!(found("crates/aegis-server/src/http/call.rs", "use axum::Json;"), 0);
}

/// A7: JSON derives stand on the wire, in the configuration and on documents only.
#[test]
fn json_stays_on_the_wire() {
    check(json_outside).unwrap();
}

/// The rule above refuses each derive, with or without its crate, and not in tests.
#[test]
fn json_can_fail() {
    let found = |path: &str, text: &str| json_outside(&File::new(path, text)).len();
    let bad = "#[derive(Debug, serde::Serialize)]\nstruct A;\n#[derive(ToSchema)]\nstruct B;\n";
    assert_eq!(found("crates/aegis-passport/src/rule.rs", bad), 2);
    assert_eq!(found("crates/aegis-server/src/passport/wire.rs", bad), 0);
    assert_eq!(found("crates/aegis-server/src/http/problem.rs", bad), 0);
    assert_eq!(
        found("crates/aegis-passport/src/rule.rs", &format!("#[cfg(test)]\nmod tests {{ {bad} }}")),
        0
    );
}

/// A8: bans are lifted in the named files only.
#[test]
fn effects_have_one_place_each() {
    check(lifted_bans).unwrap();
}

/// The rule above refuses a lifted ban elsewhere.
#[test]
fn effects_can_fail() {
    let bad = "#[expect(clippy::disallowed_methods, reason = \"in a hurry\")]\nfn f() {}";
    assert_eq!(lifted_bans(&File::new("crates/aegis-kernel/src/kernel.rs", bad)).len(), 1);
    assert!(lifted_bans(&File::new("crates/aegis-kernel/src/clock.rs", bad)).is_empty());
}

/// A9: SQL text stands in `sql.rs` only.
#[test]
fn sql_stays_in_its_files() {
    check(sql_outside).unwrap();
}

/// The rule above knows statements from prose.
#[test]
fn sql_can_fail() {
    let found = |path: &str, text: &str| sql_outside(&File::new(path, text)).len();
    let bad = "const A: &str = \"SELECT id FROM agent\";\nconst B: &str = r#\"\n  UPDATE agent SET x = 1\"#;";
    assert_eq!(found("crates/aegis-kernel/src/audit/append.rs", bad), 2);
    assert_eq!(found("crates/aegis-kernel/src/audit/sql.rs", bad), 0);
    assert_eq!(found("crates/aegis-server/src/passport/sql/agent.rs", bad), 0);
    assert_eq!(found("crates/aegis-server/src/passport/sqlite.rs", bad), 2);
    assert_eq!(
        found("crates/aegis-kernel/src/audit/append.rs", "// SELECT id\nfn f() { \"UPDATE the guide\"; }"),
        0
    );
}
