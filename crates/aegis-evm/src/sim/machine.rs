//! The chain in process as a value: it decides what is to be recorded, and changes by records alone, so that living and
//! reading back are the same code.

use alloy::consensus::{EMPTY_OMMER_ROOT_HASH, Header, TxEnvelope, proofs};
use alloy::eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
use alloy::eips::eip2718::Decodable2718 as _;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256, logs_bloom};

use super::block::{Block, Blocks, Included};
use super::execute::{Around, COLLECTOR, environment, execute};
use super::genesis::{GasCoin, native_token};
use super::pool::{Pool, Waiting};
use super::record::{Mined, Past, Pooled, Record, Undone, Whole};
use super::state::{AccountState, Patch, PatchRows, View, World};

/// Gas of one block.
pub(super) const BLOCK_GAS: u64 = 30_000_000;

/// What does not change while a chain lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Constants {
    pub(super) chain_id: u64,
    pub(super) gas: GasCoin,
    pub(super) base_fee_min: u64,
    pub(super) safe_depth: u64,
    pub(super) final_depth: u64,
}

/// The chain.
pub(super) struct Machine {
    pub(super) constants: Constants,
    pub(super) faucet: Address,
    pub(super) world: World,
    pub(super) blocks: Blocks,
    pub(super) pool: Pool,
    /// Counts reorganizations: what makes a block differ from the one it takes the place of.
    branch: u64,
    pub(super) paused: bool,
}

/// A record that does not fit what is there: kept data that cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kept change of the sandbox chain does not fit its state")]
pub struct Misfit;

impl Machine {
    /// A chain before anything was applied. The first record must be [`Record::Whole`].
    pub(super) fn empty(constants: Constants) -> Machine {
        Machine {
            constants,
            faucet: Address::ZERO,
            world: World::default(),
            blocks: Blocks::default(),
            pool: Pool::default(),
            branch: 0,
            paused: false,
        }
    }

    /// The first record of a new chain.
    pub(super) fn genesis(constants: Constants, faucet: Address, state: &Patch, seconds: u64) -> Record {
        let rows = PatchRows::from(state);
        let header = Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            // No trie is kept; the genesis commits to its state by the digest of its rows, later blocks to none.
            state_root: keccak256(alloy_rlp::encode(&rows)),
            gas_limit: BLOCK_GAS,
            base_fee_per_gas: Some(constants.base_fee_min),
            timestamp: seconds,
            beneficiary: COLLECTOR,
            ..Header::default()
        };
        Record::Whole(Box::new(Whole {
            chain_id: constants.chain_id,
            faucet,
            branch: 0,
            paused: false,
            world: rows,
            blocks: vec![Past { header, included: Vec::new(), inverse: Vec::new() }],
            waiting: Vec::new(),
        }))
    }

    /// Everything there is, as one record.
    pub(super) fn whole(&self) -> Record {
        let past = |block: &Block| Past {
            header: block.header.clone(),
            included: block.included.clone(),
            inverse: block.inverse.iter().map(PatchRows::from).collect(),
        };
        let pooled = |waiting: &Waiting| Pooled {
            bytes: waiting.bytes.clone(),
            not_before: waiting.not_before,
            fails: waiting.fails,
        };
        Record::Whole(Box::new(Whole {
            chain_id: self.constants.chain_id,
            faucet: self.faucet,
            branch: self.branch,
            paused: self.paused,
            world: PatchRows::from(&self.world.whole()),
            blocks: self.blocks.iter().map(past).collect(),
            waiting: self.pool.iter().map(pooled).collect(),
        }))
    }

    /// Applies a record.
    ///
    /// # Errors
    /// [`Misfit`]; what was applied before stays.
    pub(super) fn apply(&mut self, record: Record) -> Result<(), Misfit> {
        match record {
            Record::Whole(whole) => self.replace(*whole)?,
            Record::Pooled(Pooled { bytes, not_before, fails }) => {
                self.pool.insert(Waiting::read(&bytes, not_before, fails).ok_or(Misfit)?);
            }
            Record::Forgotten(hash) => {
                self.pool.remove(hash);
            }
            Record::Mined(mined) => self.push(*mined)?,
            Record::Undone(undone) => self.undo(&undone)?,
            Record::Paused(paused) => self.paused = paused,
        }
        Ok(())
    }

    fn replace(&mut self, whole: Whole) -> Result<(), Misfit> {
        if whole.chain_id != self.constants.chain_id || whole.blocks.is_empty() {
            return Err(Misfit);
        }
        *self = Machine::empty(self.constants);
        (self.faucet, self.branch, self.paused) = (whole.faucet, whole.branch, whole.paused);
        self.world.apply(&Patch::from(whole.world));
        for Past { header, included, inverse } in whole.blocks {
            let inverse = inverse.into_iter().next().map(Patch::from);
            self.blocks.push(block(header, included, inverse)?);
        }
        for Pooled { bytes, not_before, fails } in whole.waiting {
            self.pool.insert(Waiting::read(&bytes, not_before, fails).ok_or(Misfit)?);
        }
        Ok(())
    }

    fn push(&mut self, mined: Mined) -> Result<(), Misfit> {
        let parent = self.head().map(|head| head.hash);
        if parent != Some(mined.header.parent_hash) {
            return Err(Misfit);
        }
        let mut block = block(mined.header, mined.included, None)?;
        block.inverse = Some(self.world.apply(&Patch::from(mined.patch)));
        for (included, hash) in block.included.iter().zip(&block.hashes) {
            self.pool.remove(*hash);
            let next = self.at_head().account(included.sender).map_or(0, |account| account.nonce);
            self.pool.pass(included.sender, next);
        }
        self.blocks.push(block);
        Ok(())
    }

    fn undo(&mut self, undone: &Undone) -> Result<(), Misfit> {
        self.branch = self.branch.saturating_add(1);
        while self.head().is_some_and(|head| head.header.number > undone.height) {
            let block = self.blocks.pop().ok_or(Misfit)?;
            self.world.apply(&block.inverse.ok_or(Misfit)?);
            for included in block.included.iter().filter(|_| undone.returned) {
                let waiting = Waiting::read(&included.bytes, 0, included.fails).ok_or(Misfit)?;
                // What was submitted in its place since then stays.
                if self.pool.at(waiting.sender, nonce_of(&waiting)).is_none() {
                    self.pool.insert(waiting);
                }
            }
        }
        Ok(())
    }

    pub(super) fn head(&self) -> Option<&Block> {
        self.blocks.head()
    }

    pub(super) fn height(&self) -> u64 {
        self.head().map_or(0, |head| head.header.number)
    }

    /// The state after the newest block.
    pub(super) fn at_head(&self) -> View<'_> {
        View { world: &self.world, inverses: Vec::new(), above: Patch::default(), hashes: &[] }
    }

    /// The state after the block at `height`; nothing if it is not there or too deep.
    pub(super) fn at(&self, height: u64) -> Option<View<'_>> {
        self.blocks.at(height)?;
        Some(View { inverses: self.blocks.inverses_above(height)?, ..self.at_head() })
    }

    pub(super) fn safe_height(&self) -> u64 {
        self.height().saturating_sub(self.constants.safe_depth)
    }

    pub(super) fn final_height(&self) -> u64 {
        self.height().saturating_sub(self.constants.final_depth)
    }

    /// Base fee of the next block (EIP-1559), never below the chain's least.
    pub(super) fn next_base_fee(&self) -> u64 {
        let least = self.constants.base_fee_min;
        self.head().map_or(least, |head| {
            let base = head.header.base_fee_per_gas.unwrap_or(least);
            calc_next_block_base_fee(head.header.gas_used, BLOCK_GAS, base, BaseFeeParams::ethereum())
                .max(least)
        })
    }

    /// The block that would be next at `seconds`. Times of blocks never fall; several may have the same.
    pub(super) fn next_around(&self, seconds: u64) -> Around {
        let parent = self.head().map_or(0, |head| head.header.timestamp);
        Around {
            chain_id: self.constants.chain_id,
            height: self.height().saturating_add(1),
            seconds: seconds.max(parent),
            base_fee: self.next_base_fee(),
            gas_limit: BLOCK_GAS,
            native_token: native_token(self.constants.gas),
        }
    }

    /// Puts what waits and can be included into the next block, or nothing at all.
    pub(super) fn draft_block(&self, seconds: u64, with_waiting: bool) -> Record {
        let around = self.next_around(seconds);
        let hashes = self.blocks.recent_hashes();
        let mut view = View { hashes: &hashes, ..self.at_head() };
        let mut included = Vec::new();
        let mut gas_used = 0_u64;
        let mut senders = if with_waiting { self.pool.senders() } else { Vec::new() };
        while let Some(waiting) = self.best(&view, &around, &mut senders) {
            let rest = Around { gas_limit: BLOCK_GAS.saturating_sub(gas_used), ..around };
            let environment = environment(&waiting.transaction, waiting.sender, waiting.fails);
            let Ok(done) = execute(&view, &rest, environment) else {
                // It fits no longer; nothing of this sender can come before it.
                senders.retain(|sender| *sender != waiting.sender);
                continue;
            };
            view.above.absorb(done.left);
            gas_used = gas_used.saturating_add(done.gas_used);
            included.push(Included {
                bytes: waiting.bytes.clone(),
                sender: waiting.sender,
                succeeded: done.succeeded,
                fails: waiting.fails,
                gas_used: done.gas_used,
                gas_price: u128::from(around.base_fee)
                    .saturating_add(waiting.tip(around.base_fee).unwrap_or_default()),
                created: done.created.unwrap_or_default(),
                logs: done.logs,
            });
        }
        let mut patch = view.above;
        self.collect_base_fees(&mut patch, &around, gas_used);
        let header = self.header(&around, &included, gas_used);
        Record::Mined(Box::new(Mined { header, included, patch: PatchRows::from(&patch) }))
    }

    /// The waiting transaction that pays most and can run now.
    fn best(&self, view: &View<'_>, around: &Around, senders: &mut Vec<Address>) -> Option<&Waiting> {
        let next = |sender: &Address| {
            let nonce = view.account(*sender).map_or(0, |account| account.nonce);
            let waiting = self.pool.at(*sender, nonce).filter(|found| found.not_before <= around.height)?;
            waiting.tip(around.base_fee).map(|tip| (tip, waiting))
        };
        senders.retain(|sender| next(sender).is_some());
        senders.iter().filter_map(next).max_by_key(|(tip, _)| *tip).map(|(_, waiting)| waiting)
    }

    /// Where gas is paid in USDC, nothing of it vanishes: what other chains burn goes to the collector.
    fn collect_base_fees(&self, patch: &mut Patch, around: &Around, gas_used: u64) {
        if self.constants.gas != GasCoin::Usdc || gas_used == 0 {
            return;
        }
        let fees = U256::from(around.base_fee).saturating_mul(U256::from(gas_used));
        let before = patch.accounts.get(&COLLECTOR).copied();
        let before = before.unwrap_or_else(|| self.at_head().account(COLLECTOR)).unwrap_or(AccountState::NEW);
        let after = AccountState { balance: before.balance.saturating_add(fees), ..before };
        patch.accounts.insert(COLLECTOR, Some(after));
    }

    fn header(&self, around: &Around, included: &[Included], gas_used: u64) -> Header {
        let transactions: Vec<TxEnvelope> = included.iter().filter_map(envelope).collect();
        let mut gas = 0_u64;
        let receipts = included.iter().zip(&transactions).map(|(included, transaction)| {
            gas = gas.saturating_add(included.gas_used);
            included.receipt(transaction, gas)
        });
        let receipts: Vec<_> = receipts.collect();
        Header {
            parent_hash: self.head().map_or(B256::ZERO, |head| head.hash),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: COLLECTOR,
            transactions_root: proofs::calculate_transaction_root(&transactions),
            receipts_root: proofs::calculate_receipt_root(&receipts),
            logs_bloom: logs_bloom(included.iter().flat_map(|included| &included.logs)),
            number: around.height,
            gas_limit: BLOCK_GAS,
            gas_used,
            timestamp: around.seconds,
            extra_data: Bytes::copy_from_slice(&self.branch.to_be_bytes()),
            base_fee_per_gas: Some(around.base_fee),
            ..Header::default()
        }
    }
}

fn envelope(included: &Included) -> Option<TxEnvelope> {
    TxEnvelope::decode_2718(&mut included.bytes.as_ref()).ok()
}

fn nonce_of(waiting: &Waiting) -> u64 {
    alloy::consensus::Transaction::nonce(&waiting.transaction)
}

fn block(header: Header, included: Vec<Included>, inverse: Option<Patch>) -> Result<Block, Misfit> {
    let hashes: Option<Vec<B256>> =
        included.iter().map(|included| envelope(included).map(|found| *found.tx_hash())).collect();
    Ok(Block { hash: header.hash_slow(), header, included, hashes: hashes.ok_or(Misfit)?, inverse })
}
