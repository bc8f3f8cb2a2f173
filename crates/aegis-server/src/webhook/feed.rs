//! Who reads events as they come: how many streams are open, and when to look again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Streams of all organizations: each costs a task and a look at the database with every event of its organization.
const STREAMS_MAX: usize = 1000;
/// Streams of one organization.
const STREAMS_EACH_MAX: usize = 16;

/// The readers of one process.
pub struct Feed {
    relayed: watch::Sender<i64>,
    open: Mutex<HashMap<String, usize>>,
    ended: watch::Sender<bool>,
}

impl Default for Feed {
    fn default() -> Feed {
        Feed { relayed: watch::Sender::new(0), open: Mutex::default(), ended: watch::Sender::new(false) }
    }
}

impl Feed {
    /// Tells all readers that events up to `position` can be read.
    pub fn announce(&self, position: i64) {
        self.relayed.send_replace(position);
    }

    /// Hears of new events.
    pub fn listen(&self) -> watch::Receiver<i64> {
        self.relayed.subscribe()
    }

    /// Ends all streams, those too that are opened from now on: the instance stops, and waits for what is open.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Turns true when streams are to end.
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// A place for one more stream of `organization`, given back when dropped; `None`: there are too many.
    pub fn open(self: &Arc<Feed>, organization: &str) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(organization).copied().unwrap_or_default();
        if own >= STREAMS_EACH_MAX || open.values().sum::<usize>() >= STREAMS_MAX {
            return None;
        }
        open.insert(organization.to_owned(), own.saturating_add(1));
        Some(Place { feed: Arc::clone(self), organization: organization.to_owned() })
    }
}

/// A stream's place.
pub struct Place {
    feed: Arc<Feed>,
    organization: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.feed.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.organization) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One organization cannot take the places of others, and a place is given back.
    #[test]
    fn counts_streams() {
        let feed = Arc::new(Feed::default());
        let places: Vec<Place> = (0..STREAMS_EACH_MAX).map(|_| feed.open("op_a").unwrap()).collect();
        assert!(feed.open("op_a").is_none() && feed.open("op_b").is_some());
        drop(places);
        assert!(feed.open("op_a").is_some());
    }
}
