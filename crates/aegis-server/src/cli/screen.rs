//! The only place that writes to the terminal.

use std::io::Write as _;

/// Prints a line that was asked for.
pub(crate) fn say(line: &str) {
    // A closed pipe means that nobody reads; there is nobody left to tell.
    let _gone = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line about something that went wrong.
pub(crate) fn complain(line: &str) {
    let _gone = writeln!(std::io::stderr(), "aegis: {line}");
}
