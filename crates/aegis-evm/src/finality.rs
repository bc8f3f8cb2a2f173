//! When a block counts as final, and the heights of a chain.

/// What an operator says makes a block of this chain final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finality {
    /// The node's own `finalized` block.
    Finalized,
    /// The node's own `safe` block.
    Safe,
    /// Every block at once.
    Instant,
    /// A block that is the n-th from the head, the head being the first. Zero counts as one.
    Confirmations(u64),
}

/// Heights of a chain as one look saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Of the newest block.
    pub head: u64,
    /// Of the node's `safe` block; the final one where the node names none.
    pub safe: u64,
    /// Of the newest final block by this chain's rule. Never above `head`.
    pub final_height: u64,
}

/// At which state a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// After the newest block.
    Head,
    /// After the newest final block. What concerns money is read here.
    Final,
    /// After this block. A node may have forgotten the state of old ones.
    Height(u64),
}

impl Finality {
    /// The height that a count from the head makes final; nothing where the node has to be asked.
    pub(crate) const fn counted(self, head: u64) -> Option<u64> {
        match self {
            Finality::Instant => Some(head),
            Finality::Confirmations(count) => Some(head.saturating_sub(count.saturating_sub(1))),
            Finality::Finalized | Finality::Safe => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head is its own first confirmation, and a young chain has its genesis final.
    #[test]
    fn confirmations_count_the_head() {
        assert_eq!(Finality::Confirmations(1).counted(10), Some(10));
        assert_eq!(Finality::Confirmations(12).counted(20), Some(9));
        assert_eq!(Finality::Confirmations(12).counted(3), Some(0));
        assert_eq!(Finality::Confirmations(0).counted(3), Some(3));
        assert_eq!(Finality::Instant.counted(7), Some(7));
        assert_eq!(Finality::Safe.counted(7), None);
    }
}
