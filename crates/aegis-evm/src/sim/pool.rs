//! Transactions that wait: by sender and account nonce, gaps allowed, with the refusals of a node.

use std::collections::{BTreeMap, HashMap};

use alloy::consensus::transaction::SignerRecoverable as _;
use alloy::consensus::{Transaction as _, TxEnvelope, Typed2718 as _};
use alloy::eips::eip2718::Decodable2718 as _;
use alloy::primitives::{Address, B256, Bytes, U256};

use super::state::AccountState;
use crate::fee::FeeCaps;

/// Transactions that wait at most.
pub(super) const POOL_MAX: usize = 4_096;
/// Account nonces ahead of the next one that are kept.
const AHEAD_MAX: u64 = 64;
/// Bytes of one transaction.
const BYTES_MAX: usize = 128 << 10;
/// Types that are taken: legacy, EIP-2930, EIP-1559.
const TYPE_MAX: u8 = 2;

/// One transaction that waits.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) bytes: Bytes,
    pub(super) transaction: TxEnvelope,
    pub(super) sender: Address,
    /// The first block that may hold it.
    pub(super) not_before: u64,
    /// Whether it was told to fail.
    pub(super) fails: bool,
}

impl Waiting {
    /// Reads signed bytes.
    pub(super) fn read(bytes: &Bytes, not_before: u64, fails: bool) -> Option<Waiting> {
        let mut rest = bytes.as_ref();
        let transaction = TxEnvelope::decode_2718(&mut rest).ok().filter(|_| rest.is_empty())?;
        let sender = transaction.recover_signer().ok()?;
        Some(Waiting { bytes: bytes.clone(), transaction, sender, not_before, fails })
    }

    pub(super) fn hash(&self) -> B256 {
        *self.transaction.tx_hash()
    }

    pub(super) fn fees(&self) -> FeeCaps {
        FeeCaps {
            max_fee: self.transaction.max_fee_per_gas(),
            max_priority: self.transaction.priority_fee_or_price(),
        }
    }

    /// What includes it sooner than others.
    pub(super) fn tip(&self, base_fee: u64) -> Option<u128> {
        self.transaction.effective_tip_per_gas(base_fee)
    }
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Pool {
    waiting: BTreeMap<(Address, u64), Waiting>,
    places: HashMap<B256, (Address, u64)>,
}

/// What a submission is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) chain_id: u64,
    pub(super) block_gas: u64,
}

impl Pool {
    /// Whether a node would take this, in the words of geth if not.
    pub(super) fn judge(
        &self,
        new: &Waiting,
        account: Option<AccountState>,
        bounds: Bounds,
    ) -> Result<(), &'static str> {
        let account = account.unwrap_or(AccountState::NEW);
        let (transaction, fees) = (&new.transaction, new.fees());
        let own = self.waiting.get(&(new.sender, transaction.nonce()));
        let most = U256::from(transaction.gas_limit()).saturating_mul(U256::from(fees.max_fee));
        let rules = [
            (self.places.contains_key(&new.hash()), "already known"),
            (new.bytes.len() > BYTES_MAX, "oversized data"),
            (
                transaction.ty() > TYPE_MAX || transaction.is_create() && new.fails,
                "transaction type not supported",
            ),
            (transaction.chain_id() != Some(bounds.chain_id), "invalid chain id for signer"),
            (transaction.gas_limit() > bounds.block_gas, "exceeds block gas limit"),
            (transaction.gas_limit() < intrinsic_gas(transaction), "intrinsic gas too low"),
            (fees.max_priority > fees.max_fee, "max priority fee per gas higher than max fee per gas"),
            (transaction.nonce() < account.nonce, "nonce too low"),
            (transaction.nonce() > account.nonce.saturating_add(AHEAD_MAX), "nonce too high"),
            (
                most.saturating_add(transaction.value()) > account.balance,
                "insufficient funds for gas * price + value",
            ),
            (own.is_some_and(|own| !own.fees().gives_way_to(fees)), "replacement transaction underpriced"),
            (own.is_none() && self.waiting.len() >= POOL_MAX, "txpool is full"),
        ];
        rules.iter().find(|(refused, _)| *refused).map_or(Ok(()), |(_, words)| Err(*words))
    }

    pub(super) fn insert(&mut self, new: Waiting) {
        let place = (new.sender, new.transaction.nonce());
        let hash = new.hash();
        if let Some(old) = self.waiting.insert(place, new) {
            self.places.remove(&old.hash());
        }
        self.places.insert(hash, place);
    }

    pub(super) fn remove(&mut self, hash: B256) -> Option<Waiting> {
        let place = self.places.remove(&hash)?;
        self.waiting.remove(&place)
    }

    /// Forgets what `sender` can never have included any more: account nonces below `next`.
    pub(super) fn pass(&mut self, sender: Address, next: u64) {
        let stale: Vec<(Address, u64)> =
            self.waiting.range((sender, 0)..(sender, next)).map(|(place, _)| *place).collect();
        for place in stale {
            if let Some(old) = self.waiting.remove(&place) {
                self.places.remove(&old.hash());
            }
        }
    }

    pub(super) fn get(&self, hash: B256) -> Option<&Waiting> {
        self.waiting.get(self.places.get(&hash)?)
    }

    pub(super) fn at(&self, sender: Address, nonce: u64) -> Option<&Waiting> {
        self.waiting.get(&(sender, nonce))
    }

    /// Those who have something waiting.
    pub(super) fn senders(&self) -> Vec<Address> {
        let mut senders: Vec<Address> = self.waiting.keys().map(|(sender, _)| *sender).collect();
        senders.dedup();
        senders
    }

    /// The account nonce after those that wait without a gap.
    pub(super) fn next_nonce(&self, sender: Address, from: u64) -> u64 {
        let mut next = from;
        while self.waiting.contains_key(&(sender, next)) {
            next = next.saturating_add(1);
        }
        next
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values()
    }
}

/// What a transaction costs before it runs: EIP-2028, EIP-2930, EIP-3860.
fn intrinsic_gas(transaction: &TxEnvelope) -> u64 {
    let of_byte = |byte: &u8| if *byte == 0 { 4_u64 } else { 16 };
    let data: u64 = transaction.input().iter().map(of_byte).sum();
    let words = u64::try_from(transaction.input().len().div_ceil(32)).unwrap_or(u64::MAX);
    let creation = if transaction.is_create() { words.saturating_mul(2).saturating_add(32_000) } else { 0 };
    let access: u64 = transaction.access_list().map_or(0, |list| {
        list.iter()
            .map(|item| 2_400 + 1_900 * u64::try_from(item.storage_keys.len()).unwrap_or(u64::MAX >> 16))
            .sum()
    });
    data.saturating_add(creation).saturating_add(access).saturating_add(21_000)
}
