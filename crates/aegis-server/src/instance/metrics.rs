//! How the instance is doing, as Prometheus reads it (text format 0.0.4).
//!
//! Labels are names from this program: routes, operations, outcomes, reasons. Nothing of a tenant, a
//! credential or a document is ever one.

use std::fmt::{Display, Write as _};

use aegis_core::time::Timestamp;
use aegis_kernel::audit::read as log;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Permission, Query, Stop};
use aegis_store::Tx;

use crate::app::App;
use crate::http::counts::BUCKETS_MICROS;

/// How the log stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogStanding {
    size: u64,
    waiting: u64,
}

/// What the database says for the metrics; the rest is in memory.
pub(super) struct ReadStanding;

impl Access for ReadStanding {
    const NAME: &'static str = "instance.metrics";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = RateClass::new("metrics", 600, 60);
}

impl Query for ReadStanding {
    type Reply = LogStanding;
    type Refused = std::convert::Infallible;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<LogStanding, Stop<Self::Refused>> {
        let size = log::newest_checkpoint(tx)?.map_or(0, |checkpoint| checkpoint.size);
        Ok(LogStanding { size, waiting: log::count_waiting(tx)? })
    }
}

/// The whole page.
pub(super) fn page(app: &App, standing: LogStanding) -> String {
    let mut page = Page(String::with_capacity(16 << 10));
    requests(&mut page, app);
    operations(&mut page, app);
    verifications(&mut page, app);
    page.family("aegis_log_entries", "gauge", "Entries in the signed tree of the log.");
    page.line("aegis_log_entries", &[], standing.size);
    page.family("aegis_log_entries_waiting", "gauge", "Entries that wait for their place in the log.");
    page.line("aegis_log_entries_waiting", &[], standing.waiting);
    page.0
}

fn requests(page: &mut Page, app: &App) {
    let counts = app.requests.read();
    page.family("aegis_http_requests_total", "counter", "Answers by route, method and class of status.");
    for one in &counts {
        for (class, count) in one.classes.iter().filter(|(_, count)| *count > 0) {
            let labels = [("route", one.route.as_str()), ("method", one.method), ("status", class)];
            page.line("aegis_http_requests_total", &labels, count);
        }
    }
    page.family("aegis_http_rate_limited_total", "counter", "Requests answered with 429, by route.");
    for one in counts.iter().filter(|one| one.limited > 0) {
        let labels = [("route", one.route.as_str()), ("method", one.method)];
        page.line("aegis_http_rate_limited_total", &labels, one.limited);
    }
    let name = "aegis_http_request_duration_seconds";
    page.family(name, "histogram", "Time from the head of a request to its answer.");
    for one in &counts {
        let bounds = BUCKETS_MICROS.iter().map(|micros| seconds(*micros)).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&one.cumulative) {
            let labels = [("route", one.route.as_str()), ("method", one.method), ("le", bound.as_str())];
            page.line(&format!("{name}_bucket"), &labels, count);
        }
        let labels = [("route", one.route.as_str()), ("method", one.method)];
        page.line(&format!("{name}_sum"), &labels, seconds(one.micros));
        page.line(&format!("{name}_count"), &labels, one.cumulative.last().copied().unwrap_or_default());
    }
}

fn operations(page: &mut Page, app: &App) {
    let counts = app.kernel.tally().read();
    page.family("aegis_operations_total", "counter", "Operations and queries by name and outcome.");
    for ((name, ending), count) in &counts.endings {
        page.line("aegis_operations_total", &[("operation", name), ("outcome", ending.as_str())], count);
    }
    page.family("aegis_database_faults_total", "counter", "Faults of the database that ended one of these.");
    for (kind, count) in &counts.faults {
        page.line("aegis_database_faults_total", &[("kind", kind)], count);
    }
}

fn verifications(page: &mut Page, app: &App) {
    let counts = app.passports.counts();
    page.family(
        "aegis_verifications_total",
        "counter",
        "Verdicts on passports by reason_code; VALID without.",
    );
    for (reason, count) in counts.verdicts() {
        page.line("aegis_verifications_total", &[("reason_code", reason)], count);
    }
    let (remembered, checked) = counts.signatures();
    page.family("aegis_signatures_total", "counter", "Signatures of passports: proven before, or checked.");
    page.line("aegis_signatures_total", &[("proof", "remembered")], remembered);
    page.line("aegis_signatures_total", &[("proof", "checked")], checked);
}

/// Exact decimal seconds.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Lines of the text format.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Label values are names from this program; none has a quote, a backslash or a line feed in it.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{value}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A family is two comments and its lines; seconds are exact.
    #[test]
    fn writes_the_text_format() {
        let mut page = Page(String::new());
        page.family("a_total", "counter", "What it counts.");
        page.line("a_total", &[("x", "1"), ("y", "2")], 3);
        page.line("a_total", &[], seconds(1_500_000));
        let text = "# HELP a_total What it counts.\n# TYPE a_total counter\na_total{x=\"1\",y=\"2\"} 3\na_total 1.500000\n";
        assert_eq!(page.0, text);
    }
}
