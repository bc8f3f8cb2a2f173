//! The single *now* and the single source of randomness of one attempt.

use crate::entropy::Entropy;
use crate::id::{Id, IdKind};
use crate::time::Timestamp;

/// What one attempt of an operation knows of time and chance. A retry gets a fresh one.
pub struct Moment {
    now: Timestamp,
    entropy: Entropy,
}

impl Moment {
    /// Made by the kernel once per attempt.
    pub fn new(now: Timestamp, entropy: Entropy) -> Moment {
        Moment { now, entropy }
    }

    /// The instant of this attempt: the same however often it is asked.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The randomness of this attempt.
    pub fn entropy(&mut self) -> &mut Entropy {
        &mut self.entropy
    }

    /// A new time-ordered id.
    pub fn new_id<K: IdKind>(&mut self) -> Id<K> {
        Id::from_uuid(self.entropy.uuid_v7(self.now))
    }
}
