//! How many requests each route answered, how, and how fast.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};

/// Upper bounds of the duration histogram, in microseconds: from a verification out of memory to the longest
/// wait that is worth telling from a failure.
pub const BUCKETS_MICROS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// Methods that are counted by their name; all others together.
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other"];
/// Classes of statuses, 1xx to 5xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters of all routes. Counting takes no lock; routes are those of the program, so there are few.
#[derive(Debug, Default)]
pub struct RequestCounts {
    series: [papaya::HashMap<String, Series>; METHODS.len()],
}

/// Counters of one method of one route.
#[derive(Debug, Default)]
struct Series {
    classes: [AtomicU64; CLASSES.len()],
    limited: AtomicU64,
    buckets: [AtomicU64; BUCKETS_MICROS.len()],
    slower: AtomicU64,
    micros: AtomicU64,
}

/// Counters of one method of one route, read.
#[derive(Debug)]
pub struct RouteCount {
    /// The route as it is declared, with its parameters' names.
    pub route: String,
    /// The method.
    pub method: &'static str,
    /// Answers by class of status.
    pub classes: Vec<(&'static str, u64)>,
    /// Answers with 429.
    pub limited: u64,
    /// For each of [`BUCKETS_MICROS`] how many answers were no slower; then all of them.
    pub cumulative: Vec<u64>,
    /// Time of all answers together.
    pub micros: u64,
}

impl RequestCounts {
    /// Counts one answer. Requests that met no route count under `-`.
    pub fn count(&self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        let place = METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1);
        let Some(series) = self.series.get(place) else { return };
        let (route, series) = (route.unwrap_or("-"), series.pin());
        match series.get(route) {
            Some(series) => series.count(status, took),
            None => series.get_or_insert_with(route.to_owned(), Series::default).count(status, took),
        }
    }

    /// Everything counted so far, by route and method.
    pub fn read(&self) -> Vec<RouteCount> {
        let mut found = Vec::new();
        for (method, series) in METHODS.into_iter().zip(&self.series) {
            found.extend(series.pin().iter().map(|(route, series)| series.read(route, method)));
        }
        found.sort_by(|one, other| (&one.route, one.method).cmp(&(&other.route, other.method)));
        found
    }
}

impl Series {
    fn count(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MICROS.iter().position(|bound| micros <= *bound);
        let bucket = bucket.and_then(|bucket| self.buckets.get(bucket)).unwrap_or(&self.slower);
        bucket.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.limited.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self, route: &str, method: &'static str) -> RouteCount {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut total = 0;
        let cumulative = self.buckets.iter().chain([&self.slower]).map(|bucket| {
            total += load(bucket);
            total
        });
        RouteCount {
            route: route.to_owned(),
            method,
            cumulative: cumulative.collect(),
            classes: CLASSES.into_iter().zip(self.classes.iter().map(load)).collect(),
            limited: load(&self.limited),
            micros: load(&self.micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers are counted by route, method and class; the histogram is cumulative and ends with all of them.
    #[test]
    fn counts_by_route() {
        let counts = RequestCounts::default();
        let took = Duration::from_micros;
        counts.count(&Method::POST, Some("/a"), StatusCode::OK, took(60));
        counts.count(&Method::POST, Some("/a"), StatusCode::TOO_MANY_REQUESTS, took(20_000_000));
        counts.count(&Method::GET, None, StatusCode::NOT_FOUND, took(1));
        let read = counts.read();
        assert_eq!(
            read.iter().map(|one| (one.route.as_str(), one.method)).collect::<Vec<_>>(),
            [("-", "GET"), ("/a", "POST")]
        );
        let posted = &read[1];
        assert_eq!((posted.limited, posted.micros), (1, 20_000_060));
        assert_eq!(posted.classes, [("1xx", 0), ("2xx", 1), ("3xx", 0), ("4xx", 1), ("5xx", 0)]);
        assert_eq!((posted.cumulative[0], posted.cumulative[1], posted.cumulative[14]), (0, 1, 2));
    }

    /// One count costs well below half a microsecond, contended or not: measured, not asserted tightly.
    #[test]
    fn counting_is_cheap() {
        let counts = RequestCounts::default();
        let started = std::time::Instant::now();
        for _ in 0..10_000 {
            counts.count(&Method::POST, Some("/api/agent/verify"), StatusCode::OK, Duration::from_micros(9));
        }
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    }
}
