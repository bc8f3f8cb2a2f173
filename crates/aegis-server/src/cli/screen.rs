//! The only place that writes to the terminal.

use std::io::{self, IsTerminal as _, Write as _};

use super::complaint::Complaint;

/// Prints a line that was asked for.
pub(crate) fn say(line: &str) {
    // A closed pipe means that nobody reads; there is nobody left to tell.
    let _gone = writeln!(io::stdout(), "{line}");
}

/// Prints a remark beside what was asked for, so that redirecting the answer keeps it clean.
pub(crate) fn remark(line: &str) {
    let _gone = writeln!(io::stderr(), "{line}");
}

/// Prints a line about something that went wrong.
pub(crate) fn complain(line: &str) {
    let _gone = writeln!(io::stderr(), "aegis: {line}");
}

/// Prints a document that somebody will keep, with a line feed at its end; an incomplete one is an error.
///
/// # Errors
/// When not all of it could be written, for example to a full disk.
pub(crate) fn hand_over(document: &[u8]) -> Result<(), Complaint> {
    let mut out = io::stdout().lock();
    out.write_all(document)
        .and_then(|()| if document.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\n") })
        .and_then(|()| out.flush())
        .map_err(|error| Complaint::internal(format!("the answer could not be written out: {error}")))
}

/// Whether a person watches the remarks.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Rows in aligned columns under their titles. The last column is not padded.
pub(crate) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(titles.get(column).map(|title| title.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut titles.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// Names and values, one a line, the values aligned.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("  {name:<width$}  {value}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns are as wide as their widest cell, and no line ends in spaces.
    #[test]
    fn aligns_columns() {
        let rows = [vec!["a".to_owned(), "longer".to_owned()], vec!["wide".to_owned(), String::new()]];
        assert_eq!(table(&["X", "Y"], &rows), "X     Y\na     longer\nwide");
        assert_eq!(facts(&[("a", "1".into()), ("long", "2".into())]), "  a     1\n  long  2");
    }
}
