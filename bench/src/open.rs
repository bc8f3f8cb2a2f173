//! Open-loop load: the instants of all requests are fixed in advance, and a request that the server is too slow to
//! take at its instant counts its waiting. Finds what users would feel.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::closed::Generator;
use crate::connection::{Answer, Connection};

/// Latencies of one run, sorted, and how far the generator itself fell behind.
pub(crate) struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    pub(crate) fn of(mut all: Vec<Duration>) -> Latencies {
        all.sort_unstable();
        Latencies { sorted: all }
    }

    /// The latency that `share` of the requests did not exceed, in microseconds.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let place = ((self.sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
        self.sorted.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }
}

/// Arrivals of a Poisson process with `rate` a second: independent users, bursts included. The seed fixes them.
pub(crate) fn arrivals(count: usize, rate: f64, seed: u64) -> Vec<Duration> {
    let mut state = seed | 1;
    let mut at = 0.0;
    (0..count)
        .map(|_| {
            // xorshift64: plenty for spacing requests.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let uniform = ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            at += -uniform.ln() / rate;
            Duration::from_secs_f64(at)
        })
        .collect()
}

/// Sends `request(i)` at `arrivals[i]`; latency counts from that instant, whenever the request really left.
pub(crate) fn run<'r>(
    generator: &mut Generator,
    arrivals: &[Duration],
    request: impl Fn(usize) -> &'r [u8],
    mut each: impl FnMut(&Answer<'_>) -> Outcome<()>,
) -> Outcome<Latencies> {
    let mut idle: Vec<usize> = (0..generator.connections.len()).collect();
    let mut under_way: Vec<Option<usize>> = vec![None; idle.len()];
    let mut late: VecDeque<usize> = VecDeque::new();
    let mut latencies = Vec::with_capacity(arrivals.len());
    let mut next = 0;
    let start = Instant::now();
    while latencies.len() < arrivals.len() {
        let now = start.elapsed();
        while arrivals.get(next).is_some_and(|due| *due <= now) {
            late.push_back(next);
            next += 1;
        }
        while let (Some(index), Some(number)) = (late.front().copied(), idle.last().copied()) {
            late.pop_front();
            idle.pop();
            if let Some(place) = under_way.get_mut(number) {
                *place = Some(index);
            }
            generator.start(number, request(index))?;
        }
        // Never sleeps: a timer's coarseness would be taken for the server's.
        for number in generator.ready(Some(Duration::ZERO))? {
            let Some(index) = under_way.get(number).copied().flatten() else { continue };
            if !generator.progress(number, request(index))? {
                continue;
            }
            let due = arrivals.get(index).copied().unwrap_or_default();
            latencies.push(start.elapsed().saturating_sub(due));
            if let Some(answer) = generator.connections.get(number).and_then(Connection::answer) {
                each(&answer)?;
            }
            if let Some(place) = under_way.get_mut(number) {
                *place = None;
            }
            idle.push(number);
        }
    }
    Ok(Latencies::of(latencies))
}
