//! Generated files that are committed: a test compares, `UPDATE=1 cargo test` rewrites.

use std::path::PathBuf;

/// Fails unless the file at `path` (from the workspace root) has exactly this text; with `UPDATE=1` in the
/// environment writes it instead.
///
/// # Panics
/// When the committed file differs, naming the first differing line.
pub(crate) fn check(path: &str, text: &str) {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path);
    #[expect(clippy::disallowed_methods, reason = "a switch for developers, read in tests only")]
    let update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    if update {
        std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("folder can be made");
        std::fs::write(&file, text).expect("file can be written");
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let first = committed.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = first.unwrap_or_else(|| committed.lines().count().min(text.lines().count())) + 1;
    assert!(committed == text, "{path} is out of date from line {line} on; run UPDATE=1 cargo test");
}
