//! The one way this crate ends the process.

use std::fmt::Display;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Ends the process at once because memory and disk can no longer be known to agree.
///
/// After a failed fsync the kernel may have dropped the dirty pages and will report success next time, so retrying would
/// acknowledge what is not stored. Starting again reads what really is on the disk. Nothing is flushed or dropped on the
/// way out: callers of this moment learn nothing, which is the truth.
pub(crate) fn stop_the_process(why: &str, error: &dyn Display) -> ! {
    tracing::error!(%error, "{why}; stopping the process");
    // A log writer in the background may not get to run any more; standard error does.
    drop(writeln!(std::io::stderr(), "aegis: {why}: {error}; stopping the process"));
    std::process::abort()
}

/// Runs the body of a thread that others wait for. If it panics, they would wait for ever, and memory may have seen half of
/// an `after_commit`: the process stops instead. Work given by callers is caught much earlier and never gets here.
pub(crate) fn run_or_stop(thread: &'static str, body: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        stop_the_process(thread, &crate::Fault::panicked(&*payload));
    }
}
