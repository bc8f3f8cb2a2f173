//! Blocks of the chain in process, and the newest of them in order.

use std::collections::{HashMap, VecDeque};

use alloy::consensus::{Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxEnvelope, Typed2718 as _};
use alloy::primitives::{Address, B256, Bytes, Log};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use super::state::Patch;

/// Blocks that are remembered, with their receipts; older ones are forgotten, their effects are not.
pub(super) const BLOCKS_KEPT_MAX: usize = 20_000;
/// Newest blocks that can be taken back, and below which states can be read.
pub(super) const INVERSES_KEPT: usize = 128;

/// A transaction in a block, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct Included {
    pub(super) bytes: Bytes,
    pub(super) sender: Address,
    pub(super) succeeded: bool,
    pub(super) fails: bool,
    pub(super) gas_used: u64,
    pub(super) gas_price: u128,
    /// The zero address if it created nothing.
    pub(super) created: Address,
    pub(super) logs: Vec<Log>,
}

impl Included {
    /// The receipt as its root commits to it; `gas` is that of the block up to here.
    pub(super) fn receipt(&self, transaction: &TxEnvelope, gas: u64) -> ReceiptEnvelope {
        let receipt =
            Receipt { status: self.succeeded.into(), cumulative_gas_used: gas, logs: self.logs.clone() };
        let bloomed: ReceiptWithBloom<Receipt> = receipt.into();
        match transaction.ty() {
            0 => ReceiptEnvelope::Legacy(bloomed),
            1 => ReceiptEnvelope::Eip2930(bloomed),
            _ => ReceiptEnvelope::Eip1559(bloomed),
        }
    }
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) header: Header,
    pub(super) hash: B256,
    pub(super) included: Vec<Included>,
    pub(super) hashes: Vec<B256>,
    /// What takes it back; nothing once it is too deep.
    pub(super) inverse: Option<Patch>,
}

impl Block {
    /// Log indexes count through a block; where those of transaction `index` begin.
    pub(super) fn first_log(&self, index: usize) -> u64 {
        let before = self.included.iter().take(index).map(|included| included.logs.len()).sum::<usize>();
        u64::try_from(before).unwrap_or(u64::MAX)
    }
}

/// The blocks that are remembered, lowest first. There is always one.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    kept: VecDeque<Block>,
    found: HashMap<B256, (u64, usize)>,
    heights: HashMap<B256, u64>,
}

impl Blocks {
    pub(super) fn push(&mut self, block: Block) {
        let height = block.header.number;
        self.heights.insert(block.hash, height);
        self.found.extend(block.hashes.iter().enumerate().map(|(index, hash)| (*hash, (height, index))));
        self.kept.push_back(block);
        if let Some(deep) = self.kept.len().checked_sub(INVERSES_KEPT.saturating_add(1))
            && let Some(block) = self.kept.get_mut(deep)
        {
            block.inverse = None;
        }
        if self.kept.len() > BLOCKS_KEPT_MAX
            && let Some(old) = self.kept.pop_front()
        {
            self.forget(&old);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Block> {
        let block = self.kept.pop_back()?;
        self.forget(&block);
        Some(block)
    }

    fn forget(&mut self, block: &Block) {
        self.heights.remove(&block.hash);
        for hash in &block.hashes {
            self.found.remove(hash);
        }
    }

    pub(super) fn head(&self) -> Option<&Block> {
        self.kept.back()
    }

    pub(super) fn at(&self, height: u64) -> Option<&Block> {
        let first = self.kept.front()?.header.number;
        self.kept.get(usize::try_from(height.checked_sub(first)?).ok()?)
    }

    pub(super) fn by_hash(&self, hash: B256) -> Option<&Block> {
        self.at(*self.heights.get(&hash)?)
    }

    /// The block of a transaction, and its index in there.
    pub(super) fn of_transaction(&self, hash: B256) -> Option<(&Block, usize)> {
        let (height, index) = self.found.get(&hash)?;
        self.at(*height).map(|block| (block, *index))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.kept.iter()
    }

    /// What takes back the blocks above `height`, lowest first; nothing if one is too deep.
    pub(super) fn inverses_above(&self, height: u64) -> Option<Vec<&Patch>> {
        let above = self.kept.iter().rev().take_while(|block| block.header.number > height);
        let mut inverses: Vec<&Patch> = above.map(|block| block.inverse.as_ref()).collect::<Option<_>>()?;
        inverses.reverse();
        Some(inverses)
    }

    /// Hashes of the newest blocks, as many as the EVM can ask for.
    pub(super) fn recent_hashes(&self) -> Vec<(u64, B256)> {
        self.kept.iter().rev().take(256).map(|block| (block.header.number, block.hash)).collect()
    }
}
