//! The house rules that no compiler checks, as ordinary tests.
//!
//! Each rule is a pure function from text (or from Cargo's own description of the workspace) to [`Finding`]s, one test
//! that runs it over the tree, and one test that feeds it a bad example and proves that it can fail. A finding names the
//! place, the rule and the remedy. Nothing here knows what the program does.

mod arrows;
mod documents;
mod ratchet;
mod slices;
mod source;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
    remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { path, line, rule, what, remedy } = self;
        write!(f, "{path}:{line}: [{rule}] {what}\n    remedy: {remedy}")
    }
}

/// A text file of the tree; `path` is relative to the root and uses `/`.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the file, or a folder it stands in, is called one of `roles`: `sql.rs` and `sql/agent.rs` are both "sql".
    fn plays(&self, roles: &[&str]) -> bool {
        self.path.split('/').any(|part| roles.contains(&part.strip_suffix(".rs").unwrap_or(part)))
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

/// Ends the test with every finding, or passes.
fn report(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} broken house rule(s):\n{}", lines.len(), lines.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Folders that hold what machines made, or what others wrote.
const SKIPPED: [&str; 8] =
    ["target", ".git", "node_modules", "aegis-data", ".pg", ".venv", "vectors", "fixtures"];

/// Every text file that people wrote in this workspace.
fn files() -> std::io::Result<Vec<File>> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                folders.push(path);
            } else if kind.is_file()
                // In a second worktree `.git` is a file, and no human wrote it.
                && !SKIPPED.contains(&name.as_str())
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let relative = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                found.push(File { path: relative, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn rust_files() -> std::io::Result<Vec<File>> {
    Ok(files()?.into_iter().filter(File::is_rust).collect())
}

/// The walk finds this very file; an empty walk would make every rule pass.
#[test]
fn the_walk_finds_the_tree() {
    let found = files().unwrap();
    for path in ["crates/aegis-server/tests/it/tidy.rs", "GLOSSARY.md", "docs/adr/README.md"] {
        assert!(found.iter().any(|file| file.path == path), "{path} was not found");
    }
}
