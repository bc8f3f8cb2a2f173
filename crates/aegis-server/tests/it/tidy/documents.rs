//! Rules about text around the code: module descriptions, decisions, reasons, leftovers, paths and migrations.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, closing, line_of, words};
use super::{File, Finding, files, report, rust_files};

fn finding(path: &str, line: usize, rule: &'static str, what: String, remedy: &'static str) -> Finding {
    Finding { path: path.to_owned(), line, rule, what, remedy }
}

fn undescribed(file: &File) -> Option<Finding> {
    let first = file.text.lines().find(|line| !line.starts_with("#![") && !line.starts_with("#!/"));
    let described = first.is_some_and(|line| line.starts_with("//! ") && line.len() > 12);
    let what = "the file does not start with a //! description".to_owned();
    let remedy = "say in the first lines what the module owns and what it refuses to know";
    (!described).then(|| finding(&file.path, 1, "module docs", what, remedy))
}

const ADR: &str = "docs/adr/";
const ADR_HEADINGS: [&str; 5] =
    ["## Status", "## Context", "## Decision", "## Consequences", "## What would change our mind"];

fn decisions(files: &[File]) -> Vec<Finding> {
    let index_path = format!("{ADR}README.md");
    let index = files.iter().find(|file| file.path == index_path).map_or("", |file| file.text.as_str());
    let mut found = Vec::new();
    let records = files.iter().filter(|file| file.path.starts_with(ADR) && file.path != index_path);
    for (expected, record) in (1_usize..).zip(records) {
        if !index.contains(&format!("({})", record.name())) {
            let what = format!("{} is not linked from the index", record.name());
            found.push(finding(
                &index_path,
                1,
                "ADR index",
                what,
                "add a line with a link to docs/adr/README.md",
            ));
        }
        if !record.name().starts_with(&format!("{expected:04}-")) {
            let what = format!("expected the number {expected:04}");
            found.push(finding(
                &record.path,
                1,
                "ADR number",
                what,
                "number decisions without gaps; never reuse one",
            ));
        }
        for heading in
            ADR_HEADINGS.iter().filter(|heading| !record.text.lines().any(|line| line == **heading))
        {
            let what = format!("the heading {heading:?} is missing");
            found.push(finding(
                &record.path,
                1,
                "ADR form",
                what,
                "keep the five headings of docs/adr/README.md",
            ));
        }
    }
    for link in index.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let missing = !link.contains('/') && !files.iter().any(|file| file.path == format!("{ADR}{link}"));
        if missing {
            let what = format!("the link {link} leads nowhere");
            found.push(finding(&index_path, 1, "ADR index", what, "correct the link or remove the line"));
        }
    }
    found
}

fn reasonless(file: &File) -> Vec<Finding> {
    let code = Source::read(&file.text).code;
    let mut found = Vec::new();
    for (at, word) in words(&code).into_iter().filter(|(_, word)| ["expect", "allow"].contains(word)) {
        let before = code.get(..at).unwrap_or_default().trim_end();
        if !before.ends_with("#[") && !before.ends_with("#![") {
            continue;
        }
        let open = at.saturating_add(word.len());
        let inside = closing(&code, open).and_then(|end| code.get(open..end)).unwrap_or_default();
        if word == "allow" {
            let what = "allow() hides a lint for ever".to_owned();
            found.push(finding(&file.path, line_of(&code, at), "lints", what, "use expect() with a reason"));
        } else if !words(inside).iter().any(|(_, word)| *word == "reason") {
            let what = "expect() without a reason".to_owned();
            found.push(finding(
                &file.path,
                line_of(&code, at),
                "lints",
                what,
                "add reason = \"why this is safe\"",
            ));
        }
    }
    found
}

const LEFTOVERS: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Comments of Rust files and whole lines of other code; prose may talk about the words.
fn leftovers(file: &File) -> Vec<Finding> {
    let is_code = [".rs", ".sql", ".toml", ".sh", ".py"].iter().any(|end| file.path.ends_with(end));
    let lines: Vec<(usize, String)> = if file.is_rust() {
        let comments = Source::read(&file.text).comments;
        let lines = comments.iter().flat_map(|comment| {
            let numbered = (comment.line..).zip(comment.text.lines());
            numbered.map(|(line, text)| (line, text.to_owned())).collect::<Vec<_>>()
        });
        lines.collect()
    } else if is_code {
        (1..).zip(file.text.lines().map(str::to_owned)).collect()
    } else {
        Vec::new()
    };
    let found = lines.into_iter().filter(|(_, text)| {
        let marked = words(text).iter().any(|(_, word)| LEFTOVERS.contains(word));
        let has_issue = text.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        marked && !has_issue
    });
    let found = found.map(|(line, text)| {
        let what = format!("work is left without an issue: {}", text.trim());
        finding(&file.path, line, "leftovers", what, "do it now, or name the issue as #123")
    });
    found.collect()
}

/// Folders that exist on one machine only. Written in two halves, so that this file passes its own rule.
const MACHINE_FOLDERS: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("C:", "\\"),
];

fn machine_paths(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        let hit = MACHINE_FOLDERS.iter().find(|folder| {
            text.match_indices(**folder).any(|(at, _)| {
                let before = text.get(..at).and_then(|before| before.chars().next_back());
                before.is_none_or(|before| !before.is_alphanumeric() && !"._-}/$".contains(before))
            })
        });
        found.extend(hit.map(|folder| {
            let what = format!("a path under {folder} exists on one machine only");
            finding(
                &file.path,
                line,
                "machine paths",
                what,
                "use a path relative to the root, or an argument",
            )
        }));
    }
    found
}

fn migrations(files: &[File]) -> Vec<Finding> {
    let mut steps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("migrations/")) {
        let parts: Vec<&str> = file.name().splitn(2, '.').collect();
        if let [step, dialect @ ("sqlite.sql" | "postgres.sql")] = parts.as_slice() {
            steps.entry(step).or_default().insert(dialect);
        } else {
            let what = "not NNNN_name.sqlite.sql or NNNN_name.postgres.sql".to_owned();
            found.push(finding(&file.path, 1, "migrations", what, "name the file by step and dialect"));
        }
    }
    for (expected, (step, dialects)) in (1_usize..).zip(&steps) {
        let path = format!("migrations/{step}");
        if dialects.len() != 2 {
            let what = format!("the step has {dialects:?} only");
            found.push(finding(&path, 1, "migrations", what, "write the same step for both databases"));
        }
        if !step.starts_with(&format!("{expected:04}_")) {
            let what = format!("expected the number {expected:04}");
            found.push(finding(&path, 1, "migrations", what, "number steps without gaps, one linear series"));
        }
    }
    found
}

fn manifests(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        let member = file.name() == "Cargo.toml" && file.path != "Cargo.toml";
        if member && !file.text.contains("[lints]\nworkspace = true") {
            let what = "the crate does not take the workspace's lints".to_owned();
            found.push(finding(&file.path, 1, "manifest", what, "add [lints] workspace = true"));
        }
        if file.path != "clippy.toml" && ["clippy.toml", ".clippy.toml"].contains(&file.name()) {
            let what = "a second clippy.toml replaces the one at the root, and its bans vanish".to_owned();
            found.push(finding(&file.path, 1, "manifest", what, "move the settings to the root file"));
        }
    }
    found
}

/// Every Rust file says what it is.
#[test]
fn modules_are_described() {
    report(&rust_files().unwrap().iter().filter_map(undescribed).collect::<Vec<_>>());
}

/// The rule above refuses no description, an empty one, and one that comes late.
#[test]
fn module_docs_can_fail() {
    let fails = |text: &str| undescribed(&File::new("a.rs", text)).is_some();
    assert!(fails("use std::fmt;") && fails("//!\nfn a() {}") && fails("// words here\n//! Words of use."));
    assert!(!fails("//! Words of some use.\n") && !fails("#![cfg(test)]\n//! Words of some use.\n"));
}

/// Decisions are numbered, complete and linked from their index.
#[test]
fn decisions_are_indexed() {
    report(&decisions(&files().unwrap()));
}

/// The rule above refuses an unlinked, misnumbered or incomplete decision and a dead link.
#[test]
fn decisions_can_fail() {
    let whole = ADR_HEADINGS.join("\n");
    let rules = |index: &str, records: &[(&str, &str)]| {
        let mut files: Vec<File> = records.iter().map(|(path, text)| File::new(path, text)).collect();
        files.push(File::new("docs/adr/README.md", index));
        decisions(&files).into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules("[a](0001-a.md)", &[("docs/adr/0001-a.md", &whole)]), [""; 0]);
    assert_eq!(rules("", &[("docs/adr/0001-a.md", &whole)]), ["ADR index"]);
    assert_eq!(rules("[a](0002-a.md)", &[("docs/adr/0002-a.md", &whole)]), ["ADR number"]);
    assert_eq!(rules("[a](0001-a.md)", &[("docs/adr/0001-a.md", "## Status")]).len(), 4);
    assert_eq!(rules("[a](0001-a.md)", &[]), ["ADR index"]);
}

/// Lints are lifted by `expect` with a reason, never by `allow`.
#[test]
fn lifted_lints_have_reasons() {
    report(&rust_files().unwrap().iter().flat_map(reasonless).collect::<Vec<_>>());
}

/// The rule above refuses both, also for whole modules, and not a call of `expect`.
#[test]
fn lifted_lints_can_fail() {
    let found = |text: &str| reasonless(&File::new("a.rs", text)).len();
    assert_eq!(found("#[expect(dead_code)]\nfn a() {}\n#![allow(dead_code, reason = \"x\")]"), 2);
    assert_eq!(found("#[expect(dead_code, reason = \"because\")]\nfn a() { b.expect(\"x\"); }"), 0);
}

/// What is left to do has an issue.
#[test]
fn leftovers_have_issues() {
    report(&files().unwrap().iter().flat_map(leftovers).collect::<Vec<_>>());
}

/// The rule above reads comments, not literals, and accepts an issue's number.
#[test]
fn leftovers_can_fail() {
    let found = |path: &str, text: &str| leftovers(&File::new(path, text)).len();
    for word in LEFTOVERS {
        assert_eq!(found("a.rs", &format!("fn a() {{}} // {word}: later")), 1);
        assert_eq!(found("a.sql", &format!("-- {word} later")), 1);
        assert_eq!(found("a.rs", &format!("// {word}(#12): later\nconst A: &str = \"{word}\";")), 0);
        assert_eq!(found("a.md", word), 0);
    }
}

/// Nothing refers to a folder of one machine.
#[test]
fn no_machine_paths() {
    report(&files().unwrap().iter().flat_map(machine_paths).collect::<Vec<_>>());
}

/// The rule above refuses each folder and lets longer paths and addresses pass.
#[test]
fn machine_paths_can_fail() {
    for folder in MACHINE_FOLDERS {
        assert_eq!(machine_paths(&File::new("a.md", &format!("see\n`{folder}me/x`"))).len(), 1, "{folder}");
    }
    let inner = format!("$DIR{0}a and example.com{0}a", MACHINE_FOLDERS.first().copied().unwrap_or_default());
    assert!(machine_paths(&File::new("a.md", &inner)).is_empty());
}

/// Each migration exists for both databases, in one series.
#[test]
fn migrations_come_in_pairs() {
    report(&migrations(&files().unwrap()));
}

/// The rule above refuses a half step, a gap and an unknown name.
#[test]
fn migrations_can_fail() {
    let found = |names: &[&str]| {
        let files: Vec<File> =
            names.iter().map(|name| File::new(&format!("migrations/{name}"), "")).collect();
        migrations(&files).len()
    };
    assert_eq!(found(&["0001_a.sqlite.sql", "0001_a.postgres.sql"]), 0);
    assert_eq!(found(&["0001_a.sqlite.sql"]), 1);
    assert_eq!(found(&["0002_a.sqlite.sql", "0002_a.postgres.sql"]), 1);
    assert_eq!(found(&["0001_a.mysql.sql"]), 1);
}

/// Every crate takes the workspace's lints, and there is one clippy.toml.
#[test]
fn manifests_take_the_house_lints() {
    report(&manifests(&files().unwrap()));
}

/// The rule above refuses a crate without lints and a second clippy.toml.
#[test]
fn manifests_can_fail() {
    let found = |path: &str, text: &str| manifests(&[File::new(path, text)]).len();
    assert_eq!(found("crates/a/Cargo.toml", "[package]"), 1);
    assert_eq!(found("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"), 0);
    assert_eq!(found("crates/a/clippy.toml", ""), 1);
    assert_eq!(found("clippy.toml", ""), 0);
}
