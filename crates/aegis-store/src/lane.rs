//! Per-key serialisation of contended writes: those that would collide queue up instead of failing and starting again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// The keys a write contends for. Writes that share a key run one after another, in the order they were submitted.
///
/// A lane is an optimisation and an order, not the isolation: that holds without it. It stays taken until the write's
/// `after_commit` has run, so that callbacks of one lane run in the order of their commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    keys: Vec<String>,
}

impl Lane {
    /// Contends with nobody.
    pub fn none() -> Lane {
        Lane { keys: Vec::new() }
    }

    /// Contends for one key, for example a wallet's id.
    pub fn of(key: &str) -> Lane {
        Lane { keys: vec![key.to_owned()] }
    }

    /// Contends for two keys, for example both ends of a transfer. Their order does not matter.
    pub fn pair(first: &str, second: &str) -> Lane {
        Lane::all([first, second])
    }

    /// Contends for every one of `keys`. Order and repetition do not matter.
    pub fn all<'k>(keys: impl IntoIterator<Item = &'k str>) -> Lane {
        let mut keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        keys.sort_unstable();
        keys.dedup();
        Lane { keys }
    }

    /// The keys in ascending order, each once.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }
}

/// Who runs and who waits. `J` is the job that waits.
///
/// A job joins the queues of all its keys in one step under one lock, and runs when it heads all of them. As every pair of
/// jobs stands in the same order in each queue they share, no two can wait for each other.
pub(crate) struct Lanes<J> {
    state: Mutex<State<J>>,
}

struct State<J> {
    next_ticket: u64,
    queues: HashMap<String, VecDeque<u64>>,
    waiting: HashMap<u64, Waiter<J>>,
}

struct Waiter<J> {
    queues_ahead: usize,
    job: J,
}

impl<J> Lanes<J> {
    pub(crate) fn new() -> Lanes<J> {
        let state = State { next_ticket: 0, queues: HashMap::new(), waiting: HashMap::new() };
        Lanes { state: Mutex::new(state) }
    }

    /// Takes the lane for `job` and gives the job back if it may run now; otherwise keeps it until its turn.
    pub(crate) fn enter(&self, lane: &Lane, job: J) -> Option<J> {
        if lane.keys.is_empty() {
            return Some(job);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = state.next_ticket;
        state.next_ticket = ticket.wrapping_add(1);
        let mut queues_ahead: usize = 0;
        for key in &lane.keys {
            let queue = state.queues.entry(key.clone()).or_default();
            if !queue.is_empty() {
                queues_ahead = queues_ahead.saturating_add(1);
            }
            queue.push_back(ticket);
        }
        if queues_ahead == 0 {
            return Some(job);
        }
        state.waiting.insert(ticket, Waiter { queues_ahead, job });
        None
    }

    /// Gives the lane back after its job is over. Returns the jobs whose turn this makes it.
    pub(crate) fn leave(&self, lane: &Lane) -> Vec<J> {
        let mut ready = Vec::new();
        if lane.keys.is_empty() {
            return ready;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        for key in &lane.keys {
            let Some(queue) = state.queues.get_mut(key) else { continue };
            queue.pop_front();
            let Some(next) = queue.front().copied() else {
                state.queues.remove(key);
                continue;
            };
            let Some(waiter) = state.waiting.get_mut(&next) else { continue };
            waiter.queues_ahead = waiter.queues_ahead.saturating_sub(1);
            if waiter.queues_ahead == 0
                && let Some(waiter) = state.waiting.remove(&next)
            {
                ready.push(waiter.job);
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::{Lane, Lanes};

    #[test]
    fn keys_are_sorted_and_unique() {
        assert_eq!(Lane::all(["b", "a", "b"]).keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn same_key_runs_in_order_of_arrival() {
        let lanes = Lanes::new();
        let lane = Lane::of("k");
        assert_eq!(lanes.enter(&lane, 1), Some(1));
        assert_eq!(lanes.enter(&lane, 2), None);
        assert_eq!(lanes.enter(&lane, 3), None);
        assert_eq!(lanes.leave(&lane), [2]);
        assert_eq!(lanes.leave(&lane), [3]);
        assert!(lanes.leave(&lane).is_empty());
        assert_eq!(lanes.enter(&lane, 4), Some(4));
    }

    #[test]
    fn a_pair_waits_for_both_and_blocks_neither_stranger() {
        let lanes = Lanes::new();
        assert_eq!(lanes.enter(&Lane::of("a"), 1), Some(1));
        assert_eq!(lanes.enter(&Lane::of("b"), 2), Some(2));
        assert_eq!(lanes.enter(&Lane::pair("b", "a"), 3), None);
        assert_eq!(lanes.enter(&Lane::of("c"), 4), Some(4));
        assert_eq!(lanes.enter(&Lane::of("a"), 5), None);
        assert!(lanes.leave(&Lane::of("a")).is_empty());
        assert_eq!(lanes.leave(&Lane::of("b")), [3]);
        assert_eq!(lanes.leave(&Lane::pair("a", "b")), [5]);
    }
}
