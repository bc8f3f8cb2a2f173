//! Sizes: a file has at most 600 lines, a function at most 70, and the exceptions in `ratchet.txt` may only shrink.

use std::collections::BTreeMap;

use super::source::Source;
use super::{File, Finding, report, rust_files};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

const RATCHET: &str = include_str!("ratchet.txt");
const RATCHET_PATH: &str = "crates/aegis-server/tests/it/tidy/ratchet.txt";

/// What is longer than it should be: `path` or `path::function` → where it starts and how long it is.
type Long = BTreeMap<String, (File, usize, usize)>;

fn long(files: &[File]) -> Long {
    let mut found = Long::new();
    for file in files {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            found.insert(file.path.clone(), (file.clone(), 1, lines));
        }
        let source = Source::read(&file.text);
        for function in source.functions().iter().filter(|function| function.lines > FUNCTION_LINES_MAX) {
            let key = format!("{}::{}", file.path, function.name);
            found.insert(key, (file.clone(), function.line, function.lines));
        }
    }
    found
}

/// Lines of the ratchet file: a number, a space, a key. `#` starts a comment.
fn allowed(ratchet: &str) -> BTreeMap<String, (usize, usize)> {
    let lines = ratchet.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    lines
        .filter_map(|(index, line)| {
            let (number, key) = line.trim().split_once(' ')?;
            Some((key.trim().to_owned(), (number.parse().ok()?, index.saturating_add(1))))
        })
        .collect()
}

fn judge(long: &Long, allowed: &BTreeMap<String, (usize, usize)>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, (file, line, lines)) in long {
        let limit = allowed.get(key).map(|(limit, _)| *limit);
        if limit.is_none_or(|limit| *lines > limit) {
            let most = limit.unwrap_or(if key.contains("::") { FUNCTION_LINES_MAX } else { FILE_LINES_MAX });
            found.push(Finding {
                path: file.path.clone(),
                line: *line,
                rule: "size",
                what: format!("{key} has {lines} lines, at most {most} are allowed"),
                remedy: "split it along its own seams: one noun a file, one decision a function",
            });
        }
    }
    for (key, (limit, line)) in allowed {
        let now = long.get(key).map(|(_, _, lines)| *lines);
        if now.is_none_or(|now| now < *limit) {
            let remedy = "write the present number, or remove the line if the thing is within the limit";
            let what = format!(
                "{key} is allowed {limit} lines and has {}",
                now.map_or("fewer".into(), |n| n.to_string())
            );
            found.push(Finding { path: RATCHET_PATH.into(), line: *line, rule: "ratchet", what, remedy });
        }
    }
    found
}

/// Files and functions are short; old exceptions only shrink.
#[test]
fn sizes_only_shrink() {
    report(&judge(&long(&rust_files().unwrap()), &allowed(RATCHET)));
}

/// The rule above refuses what is new and too long, what grew, and a ratchet line that is looser than it need be.
#[test]
fn sizes_can_fail() {
    let file = |lines: usize| File::new("a.rs", &"//\n".repeat(lines));
    let rules = |files: &[File], ratchet: &str| {
        let found = judge(&long(files), &allowed(ratchet));
        found.into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&[file(600)], ""), [""; 0]);
    assert_eq!(rules(&[file(601)], ""), ["size"]);
    assert_eq!(rules(&[file(650)], "# old\n650 a.rs"), [""; 0]);
    assert_eq!(rules(&[file(651)], "650 a.rs"), ["size"]);
    assert_eq!(rules(&[file(649)], "650 a.rs"), ["ratchet"]);
    assert_eq!(rules(&[file(10)], "650 a.rs"), ["ratchet"]);
    let function =
        |lines: usize| File::new("b.rs", &format!("fn f() {{{}}}", "\n".repeat(lines.saturating_sub(1))));
    assert_eq!(rules(&[function(70)], ""), [""; 0]);
    assert_eq!(rules(&[function(71)], ""), ["size"]);
    assert_eq!(rules(&[function(80)], "80 b.rs::f"), [""; 0]);
}
