//! Faults on order: what a node and a network do wrong, once for each time a switch is armed.

use std::collections::BTreeMap;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimSwitch {
    /// A submission is answered as taken and forgotten: `tx_drop`.
    DropSubmission,
    /// A submission never arrives and is not answered.
    LoseRequest,
    /// A submission arrives and its answer is lost.
    LoseAnswer,
    /// A submission waits for some blocks before it may be included: `tx_delay`.
    DelayInclusion,
    /// A submission will be included and reverted: `tx_revert`.
    Revert,
    /// A request for a receipt finds none.
    HideReceipt,
    /// A request of any kind is not answered.
    Silence,
}

/// Blocks that a delayed submission waits.
pub const DELAY_BLOCKS: u64 = 3;

/// Armed faults. They are kept in memory: a restart clears them.
#[derive(Debug, Default)]
pub(super) struct Switches(BTreeMap<SimSwitch, u32>);

impl Switches {
    pub(super) fn arm(&mut self, switch: SimSwitch, count: u32) {
        self.0.insert(switch, count);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes one of the armed times.
    pub(super) fn trips(&mut self, switch: SimSwitch) -> bool {
        let Some(left) = self.0.get_mut(&switch) else { return false };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.0.remove(&switch);
        }
        true
    }

    pub(super) fn armed(&self) -> Vec<(SimSwitch, u32)> {
        self.0.iter().map(|(switch, count)| (*switch, *count)).collect()
    }
}
