//! A chain inside the process: a real EVM, with blocks, receipts, logs, transactions that wait, final heights,
//! reorganizations and faults on order.
//!
//! It answers the JSON-RPC requests this crate sends, in the words of geth, and keeps what it did in a journal: what was
//! answered survives a crash. What it is not: a network. There is one node, no peers, no state trie and no proofs.
//!
//! An operation runs to its end under one lock and flushes before it answers; callers on an async runtime are held up by
//! that flush, a few milliseconds of a sandbox's time.

mod answer;
mod block;
mod execute;
mod genesis;
mod journal;
mod machine;
mod native;
mod pool;
mod record;
mod state;
mod switch;

use std::path::Path;
use std::sync::{Arc, Mutex};

use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_wallet::address::{Address, TxHash};
use aegis_wallet::amount::Atoms;
use alloy::primitives::Bytes;

use crate::convert::{hash_from_chain, hash_to_chain, to_chain};
use crate::fee::FeeCaps;
use crate::key::{AccountKey, NotAKey};
use crate::transaction::Place;

pub use genesis::{GasCoin, SANDBOX_CHAINS, SANDBOX_TOKENS, SandboxChain, SandboxToken};
pub use journal::JournalFault;
pub use machine::Misfit;
pub use switch::{DELAY_BLOCKS, SimSwitch};

use journal::Journal;
use machine::{Constants, Machine};
use pool::{Bounds, Waiting};
use record::{Pooled, Record, Undone};
use switch::Switches;

/// The present, for times of blocks.
pub type SimClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Blocks one call may make.
pub const MINE_MAX: u64 = 1_000;
/// Depth of the final block at most: deeper ones cannot be taken back.
pub const DEPTH_MAX: u64 = 64;
/// Records in the journal after which the whole state is written anew: some tens of megabytes.
const COMPACT_AFTER: u64 = 50_000;
/// Gas for calls of the faucet.
const FAUCET_GAS: u64 = 200_000;

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A submission is included at once, and the blocks follow that make it final.
    OnSubmission,
    /// By [`SimChain::mine`] alone.
    OnDemand,
}

/// How a chain begins and behaves.
#[derive(Debug, Clone)]
pub struct SimSettings {
    /// EIP-155.
    pub chain_id: u64,
    /// What gas is paid in.
    pub gas: GasCoin,
    /// Least base fee, in the smallest unit of that coin.
    pub base_fee_min: u64,
    /// When blocks are made.
    pub pace: Pace,
    /// How far below the head the `safe` block is; at most [`DEPTH_MAX`].
    pub safe_depth: u64,
    /// How far below the head the `finalized` block is; at most [`DEPTH_MAX`].
    pub final_depth: u64,
    /// The key that has the coins and owns the tokens.
    pub faucet: AccountKey,
}

impl SimSettings {
    /// Those of a chain of the sandbox: blocks on submission, final two blocks down.
    ///
    /// # Errors
    /// [`NotAKey`] if the secret is none.
    pub fn sandbox(chain: &SandboxChain, faucet: &Secret<[u8; 32]>) -> Result<SimSettings, NotAKey> {
        let base_fee_min = match chain.gas {
            GasCoin::Native => 1_000_000_000,
            // About half a cent for a transfer.
            GasCoin::Usdc => 100_000_000_000,
        };
        Ok(SimSettings {
            chain_id: chain.id,
            gas: chain.gas,
            base_fee_min,
            pace: Pace::OnSubmission,
            safe_depth: 1,
            final_depth: 2,
            faucet: AccountKey::from_secret(faucet)?,
        })
    }
}

/// A chain in process cannot be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum SimFault {
    /// See there. After a failed write nothing more is answered: what the disk holds is unknown until the next start.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// See there.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The contracts of the genesis cannot be set up.
    #[error(transparent)]
    Artefact(#[from] crate::contract::DamagedArtefact),
    /// The kept chain belongs to another faucet.
    #[error("the kept chain belongs to another faucet")]
    OtherFaucet,
    /// Bytes that are no snapshot.
    #[error("the bytes are no snapshot of a sandbox chain")]
    NotASnapshot,
    /// An earlier write failed, or an operation ended in a panic.
    #[error("the sandbox chain stopped after an earlier fault")]
    Stopped,
    /// More blocks than one call may make.
    #[error("at most {MINE_MAX} blocks at once")]
    TooMany,
    /// A final block stays.
    #[error("only the newest {0} blocks can be taken back")]
    Final(u64),
    /// A transaction of the faucet was refused, in a node's words.
    #[error("the faucet's transaction was refused: {0}")]
    Refused(String),
}

/// Heights of the chain, and whether it makes blocks by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimHeads {
    /// Of the newest block.
    pub head: u64,
    /// Of the `safe` block.
    pub safe: u64,
    /// Of the `finalized` block.
    pub final_height: u64,
    /// Whether blocks are made by [`SimChain::mine`] alone for now.
    pub paused: bool,
}

/// What becomes of the transactions of blocks that are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// They wait again.
    Wait,
    /// They are forgotten; whoever signed them may present them again.
    Forgotten,
}

/// What the faucet gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gift {
    /// Coins that pay for gas, in their smallest unit.
    Native(Atoms),
    /// Newly made units of one of [`SANDBOX_TOKENS`], by its contract.
    Token(Address, Atoms),
}

/// The chain. Cheap to clone; clones are the same chain.
#[derive(Clone)]
pub struct SimChain {
    settings: Arc<SimSettings>,
    clock: SimClock,
    inner: Arc<Mutex<Option<Inner>>>,
}

struct Inner {
    machine: Machine,
    journal: Option<Journal>,
    switches: Switches,
}

impl std::fmt::Debug for SimChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimChain({})", self.settings.chain_id)
    }
}

impl SimChain {
    /// A new chain that lives as long as the process.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn in_memory(settings: SimSettings, clock: SimClock) -> Result<SimChain, SimFault> {
        let mut machine = Machine::empty(constants(&settings));
        machine.apply(begin(&settings, &clock)?)?;
        Ok(SimChain::of(settings, clock, machine, None))
    }

    /// The chain that `file` keeps, or a new one if there is none. The folder must exist; one chain at a time has the file
    /// open.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn open(settings: SimSettings, clock: SimClock, file: &Path) -> Result<SimChain, SimFault> {
        let (mut journal, records) = Journal::open(file)?;
        let mut machine = Machine::empty(constants(&settings));
        if records.is_empty() {
            let first = begin(&settings, &clock)?;
            journal.append(&first);
            journal.flush()?;
            machine.apply(first)?;
        }
        for record in records {
            machine.apply(record)?;
        }
        if machine.faucet != to_chain(settings.faucet.address()) {
            return Err(SimFault::OtherFaucet);
        }
        Ok(SimChain::of(settings, clock, machine, Some(journal)))
    }

    /// The chain of a snapshot, in memory.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn restore(settings: SimSettings, clock: SimClock, snapshot: &[u8]) -> Result<SimChain, SimFault> {
        let record = Record::read(snapshot).filter(|record| matches!(record, Record::Whole(_)));
        let mut machine = Machine::empty(constants(&settings));
        machine.apply(record.ok_or(SimFault::NotASnapshot)?)?;
        if machine.faucet != to_chain(settings.faucet.address()) {
            return Err(SimFault::OtherFaucet);
        }
        Ok(SimChain::of(settings, clock, machine, None))
    }

    fn of(settings: SimSettings, clock: SimClock, machine: Machine, journal: Option<Journal>) -> SimChain {
        let inner = Inner { machine, journal, switches: Switches::default() };
        SimChain { settings: Arc::new(settings), clock, inner: Arc::new(Mutex::new(Some(inner))) }
    }

    /// Its whole state as bytes, for [`SimChain::restore`].
    ///
    /// # Errors
    /// [`SimFault::Stopped`]
    pub fn snapshot(&self) -> Result<Vec<u8>, SimFault> {
        self.change(|inner, _| Ok(inner.machine.whole().to_bytes()))
    }

    /// EIP-155.
    pub fn chain_id(&self) -> u64 {
        self.settings.chain_id
    }

    /// The account that has the coins and owns the tokens.
    pub fn faucet(&self) -> Address {
        self.settings.faucet.address()
    }

    /// Heights now.
    ///
    /// # Errors
    /// [`SimFault::Stopped`]
    pub fn heads(&self) -> Result<SimHeads, SimFault> {
        self.change(|inner, _| Ok(inner.heads()))
    }

    /// Makes blocks, up to [`MINE_MAX`]; the first holds what waits.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn mine(&self, blocks: u64) -> Result<SimHeads, SimFault> {
        if blocks > MINE_MAX {
            return Err(SimFault::TooMany);
        }
        self.change(|inner, seconds| {
            for _ in 0..blocks {
                inner.mine(seconds, true)?;
            }
            Ok(inner.heads())
        })
    }

    /// Makes as many blocks as it takes for what waits to be final, and one in any case if time has passed since the
    /// newest: the heartbeat of a chain on which nobody does anything.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn tick(&self) -> Result<SimHeads, SimFault> {
        self.change(|inner, seconds| {
            let newest = inner.machine.head().map_or(0, |head| head.header.timestamp);
            if !inner.machine.paused && (seconds > newest || inner.machine.pool.iter().next().is_some()) {
                inner.mine_until_final(seconds)?;
            }
            Ok(inner.heads())
        })
    }

    /// Takes the newest `depth` blocks back and makes as many others in their place, without transactions.
    ///
    /// # Errors
    /// [`SimFault::Final`] if one of them is final, or another fault.
    pub fn reorg(&self, depth: u64, orphans: Orphans) -> Result<SimHeads, SimFault> {
        self.change(|inner, seconds| {
            let (head, final_height) = (inner.machine.height(), inner.machine.final_height());
            let height = head.checked_sub(depth).filter(|height| *height >= final_height);
            let height = height.ok_or(SimFault::Final(head.saturating_sub(final_height)))?;
            inner.record(Record::Undone(Undone { height, returned: orphans == Orphans::Wait }))?;
            for _ in 0..depth {
                inner.mine(seconds, false)?;
            }
            Ok(inner.heads())
        })
    }

    /// Makes blocks by [`SimChain::mine`] alone from now on; submissions wait.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn pause(&self) -> Result<(), SimFault> {
        self.change(|inner, _| inner.record(Record::Paused(true)))
    }

    /// Ends a pause; what waits is included.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn unpause(&self) -> Result<(), SimFault> {
        let pace = self.settings.pace;
        self.change(|inner, seconds| {
            inner.record(Record::Paused(false))?;
            match pace {
                Pace::OnSubmission => inner.mine_until_final(seconds),
                Pace::OnDemand => Ok(()),
            }
        })
    }

    /// Forgets a transaction that waits; says whether there was one.
    ///
    /// # Errors
    /// [`SimFault`]
    pub fn forget(&self, hash: TxHash) -> Result<bool, SimFault> {
        let hash = hash_to_chain(hash);
        self.change(|inner, _| {
            let waits = inner.machine.pool.get(hash).is_some();
            if waits {
                inner.record(Record::Forgotten(hash))?;
            }
            Ok(waits)
        })
    }

    /// Has the faucet give something. The transaction waits like any other.
    ///
    /// # Errors
    /// [`SimFault::Refused`] in a node's words, or another fault.
    pub fn give(&self, to: Address, gift: Gift) -> Result<TxHash, SimFault> {
        let (target, value, data) = match gift {
            Gift::Native(amount) => (to, amount, Vec::new()),
            Gift::Token(token, amount) => (token, Atoms::ZERO, crate::token::mint(to, amount)),
        };
        self.change(|inner, seconds| {
            let faucet = self.settings.faucet.address();
            let account = inner.machine.at_head().account(to_chain(faucet));
            let account_nonce =
                inner.machine.pool.next_nonce(to_chain(faucet), account.map_or(0, |account| account.nonce));
            let base = u128::from(inner.machine.next_base_fee());
            let fees = FeeCaps { max_fee: base.saturating_mul(4), max_priority: 1 };
            let place = Place { chain_id: self.settings.chain_id, account_nonce, fees };
            let signed = place.draft(target, value, data, FAUCET_GAS).sign(&self.settings.faucet);
            let signed = signed.map_err(|fault| SimFault::Refused(fault.to_string()))?;
            let bytes = Bytes::copy_from_slice(signed.bytes());
            let hash = inner.submit(&bytes, seconds, self.settings.pace, Orders::Ignored)?;
            hash.map(hash_from_chain).map_err(|words| SimFault::Refused(words.to_owned()))
        })
    }

    /// Takes signed bytes of any kind, also those that create a contract, around every fault on order.
    ///
    /// # Errors
    /// [`SimFault::Refused`] in a node's words, or another fault.
    pub fn submit(&self, bytes: &[u8]) -> Result<TxHash, SimFault> {
        let bytes = Bytes::copy_from_slice(bytes);
        self.change(|inner, seconds| {
            let taken = inner.submit(&bytes, seconds, self.settings.pace, Orders::Ignored)?;
            taken.map(hash_from_chain).map_err(|words| SimFault::Refused(words.to_owned()))
        })
    }

    /// Arms a fault for so many times.
    ///
    /// # Errors
    /// [`SimFault::Stopped`]
    pub fn arm(&self, switch: SimSwitch, count: u32) -> Result<(), SimFault> {
        self.change(|inner, _| {
            inner.switches.arm(switch, count);
            Ok(())
        })
    }

    /// Armed faults and how often they will happen.
    ///
    /// # Errors
    /// [`SimFault::Stopped`]
    pub fn armed(&self) -> Result<Vec<(SimSwitch, u32)>, SimFault> {
        self.change(|inner, _| Ok(inner.switches.armed()))
    }

    /// Clears all faults.
    ///
    /// # Errors
    /// [`SimFault::Stopped`]
    pub fn disarm(&self) -> Result<(), SimFault> {
        self.change(|inner, _| {
            inner.switches.clear();
            Ok(())
        })
    }

    /// Runs one operation, and flushes what it recorded before it is answered. A fault of the machinery stops the chain:
    /// memory and disk may differ from then on.
    fn change<T>(
        &self,
        operation: impl FnOnce(&mut Inner, u64) -> Result<T, SimFault>,
    ) -> Result<T, SimFault> {
        let seconds = u64::try_from((self.clock)().as_seconds()).unwrap_or_default();
        let mut guard = self.inner.lock().map_err(|_| SimFault::Stopped)?;
        let inner = guard.as_mut().ok_or(SimFault::Stopped)?;
        let outcome = operation(inner, seconds);
        let outcome = inner.flush().and(outcome);
        if matches!(outcome, Err(SimFault::Journal(_) | SimFault::Misfit(_))) {
            *guard = None;
        }
        outcome
    }
}

/// Whether a submission can meet a fault on order: those of clients do, the faucet's do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orders {
    Followed,
    Ignored,
}

impl Inner {
    /// Writes a change down and applies it.
    fn record(&mut self, record: Record) -> Result<(), SimFault> {
        if let Some(journal) = &mut self.journal {
            journal.append(&record);
        }
        Ok(self.machine.apply(record)?)
    }

    /// Makes what was written down durable, and the journal short again when it is long.
    fn flush(&mut self) -> Result<(), SimFault> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.flush()?;
        if journal.appended > COMPACT_AFTER {
            *journal = Journal::rewrite(journal.path(), &self.machine.whole())?;
        }
        Ok(())
    }

    fn mine(&mut self, seconds: u64, with_waiting: bool) -> Result<(), SimFault> {
        let block = self.machine.draft_block(seconds, with_waiting);
        self.record(block)
    }

    fn mine_until_final(&mut self, seconds: u64) -> Result<(), SimFault> {
        self.mine(seconds, true)?;
        for _ in 0..self.machine.constants.final_depth {
            self.mine(seconds, true)?;
        }
        Ok(())
    }

    /// Takes a submission, or says why not in a node's words.
    fn submit(
        &mut self,
        bytes: &Bytes,
        seconds: u64,
        pace: Pace,
        orders: Orders,
    ) -> Result<Result<alloy::primitives::B256, &'static str>, SimFault> {
        let Some(mut new) = Waiting::read(bytes, 0, false) else {
            return Ok(Err("failed to decode signed transaction"));
        };
        let bounds = Bounds { chain_id: self.machine.constants.chain_id, block_gas: machine::BLOCK_GAS };
        let account = self.machine.at_head().account(new.sender);
        if let Err(words) = self.machine.pool.judge(&new, account, bounds) {
            return Ok(Err(words));
        }
        if orders == Orders::Followed {
            if self.switches.trips(SimSwitch::DropSubmission) {
                return Ok(Ok(new.hash()));
            }
            if self.switches.trips(SimSwitch::DelayInclusion) {
                let next = self.machine.height().saturating_add(1);
                new.not_before = next.saturating_add(DELAY_BLOCKS);
            }
            new.fails = self.switches.trips(SimSwitch::Revert);
        }
        let Waiting { bytes, not_before, fails, .. } = &new;
        let pooled = Pooled { bytes: bytes.clone(), not_before: *not_before, fails: *fails };
        self.record(Record::Pooled(pooled))?;
        if pace == Pace::OnSubmission && !self.machine.paused {
            self.mine_until_final(seconds)?;
        }
        Ok(Ok(new.hash()))
    }

    fn heads(&self) -> SimHeads {
        SimHeads {
            head: self.machine.height(),
            safe: self.machine.safe_height(),
            final_height: self.machine.final_height(),
            paused: self.machine.paused,
        }
    }
}

fn constants(settings: &SimSettings) -> Constants {
    Constants {
        chain_id: settings.chain_id,
        gas: settings.gas,
        base_fee_min: settings.base_fee_min,
        safe_depth: settings.safe_depth.min(DEPTH_MAX),
        final_depth: settings.final_depth.min(DEPTH_MAX),
    }
}

/// The first record of a new chain.
fn begin(settings: &SimSettings, clock: &SimClock) -> Result<Record, SimFault> {
    let constants = constants(settings);
    let seconds = u64::try_from(clock().as_seconds()).unwrap_or_default();
    let around = Machine::empty(constants).next_around(seconds);
    let state = genesis::state(settings.gas, settings.faucet.address(), &around)?;
    Ok(Machine::genesis(constants, to_chain(settings.faucet.address()), &state, seconds))
}
