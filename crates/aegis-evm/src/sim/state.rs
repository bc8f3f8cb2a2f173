//! Accounts, storage and code, changed by patches that can be taken back.
//!
//! A patch says what holds afterwards. Applying one gives the patch that undoes it; those of the newest blocks are kept,
//! so that blocks can be taken back and states between the final and the newest block can be read.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use alloy::primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use revm::bytecode::Bytecode;
use revm::database_interface::DatabaseRef;
use revm::state::{AccountInfo, EvmState};

/// What an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AccountState {
    pub(super) balance: U256,
    pub(super) nonce: u64,
    pub(super) code_hash: B256,
}

impl AccountState {
    pub(super) const NEW: AccountState =
        AccountState { balance: U256::ZERO, nonce: 0, code_hash: KECCAK256_EMPTY };
}

/// What holds after a change: for each account its state or that there is none, for each slot its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) accounts: BTreeMap<Address, Option<AccountState>>,
    pub(super) slots: BTreeMap<(Address, U256), U256>,
    pub(super) codes: BTreeMap<B256, Bytes>,
}

impl Patch {
    /// Adds what a transaction left behind.
    pub(super) fn absorb(&mut self, left: EvmState) {
        for (address, account) in left {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() {
                // Only a contract made in the same transaction ends so (EIP-6780); nothing else knew it.
                self.accounts.insert(address, None);
                continue;
            }
            let is_new = account.is_created();
            let AccountInfo { balance, nonce, code_hash, code, .. } = account.info;
            if let Some(code) = code.filter(|code| is_new && !code.is_empty()) {
                self.codes.insert(code_hash, code.original_bytes());
            }
            self.accounts.insert(address, Some(AccountState { balance, nonce, code_hash }));
            for (slot, value) in account.storage {
                if value.is_changed() {
                    self.slots.insert((address, slot), value.present_value);
                }
            }
        }
    }
}

/// The state after the newest block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct World {
    accounts: HashMap<Address, AccountState>,
    slots: HashMap<(Address, U256), U256>,
    /// Code is never forgotten: it is named by its hash and cannot be wrong.
    codes: HashMap<B256, Bytecode>,
}

impl World {
    /// Applies a patch and gives the one that takes it back.
    pub(super) fn apply(&mut self, patch: &Patch) -> Patch {
        let mut inverse = Patch::default();
        for (address, after) in &patch.accounts {
            let before = match after {
                Some(state) => self.accounts.insert(*address, *state),
                None => self.accounts.remove(address),
            };
            inverse.accounts.insert(*address, before);
        }
        for (place, after) in &patch.slots {
            let before =
                if after.is_zero() { self.slots.remove(place) } else { self.slots.insert(*place, *after) };
            inverse.slots.insert(*place, before.unwrap_or_default());
        }
        self.codes.extend(patch.codes.iter().map(|(hash, code)| (*hash, Bytecode::new_raw(code.clone()))));
        inverse
    }

    /// Everything there is, as the patch that makes it from nothing.
    pub(super) fn whole(&self) -> Patch {
        Patch {
            accounts: self.accounts.iter().map(|(address, state)| (*address, Some(*state))).collect(),
            slots: self.slots.iter().map(|(place, value)| (*place, *value)).collect(),
            codes: self.codes.iter().map(|(hash, code)| (*hash, code.original_bytes())).collect(),
        }
    }
}

/// The state at some height, with changes on top that no block has yet.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    pub(super) world: &'a World,
    /// Inverses of the blocks above the height, lowest block first.
    pub(super) inverses: Vec<&'a Patch>,
    /// On top.
    pub(super) above: Patch,
    /// Hash of the block at a height, for the EVM's BLOCKHASH.
    pub(super) hashes: &'a [(u64, B256)],
}

impl View<'_> {
    pub(super) fn account(&self, address: Address) -> Option<AccountState> {
        if let Some(state) = self.above.accounts.get(&address) {
            return *state;
        }
        // The lowest block that changed it knows what was there before.
        let before = self.inverses.iter().find_map(|inverse| inverse.accounts.get(&address));
        before.copied().unwrap_or_else(|| self.world.accounts.get(&address).copied())
    }

    pub(super) fn slot(&self, address: Address, slot: U256) -> U256 {
        let place = (address, slot);
        let above = self.above.slots.get(&place);
        let before = || self.inverses.iter().find_map(|inverse| inverse.slots.get(&place));
        above.or_else(before).or_else(|| self.world.slots.get(&place)).copied().unwrap_or_default()
    }

    pub(super) fn code(&self, hash: B256) -> Bytecode {
        let above = self.above.codes.get(&hash).map(|code| Bytecode::new_raw(code.clone()));
        above.or_else(|| self.world.codes.get(&hash).cloned()).unwrap_or_default()
    }
}

impl DatabaseRef for View<'_> {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.account(address).map(|state| AccountInfo {
            balance: state.balance,
            nonce: state.nonce,
            code_hash: state.code_hash,
            code: Some(self.code(state.code_hash)),
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.code(hash))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.slot(address, slot))
    }

    fn block_hash_ref(&self, height: u64) -> Result<B256, Infallible> {
        Ok(self
            .hashes
            .iter()
            .find(|(number, _)| *number == height)
            .map(|(_, hash)| *hash)
            .unwrap_or_default())
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct AccountRow {
    address: Address,
    exists: bool,
    balance: U256,
    nonce: u64,
    code_hash: B256,
}

#[derive(RlpEncodable, RlpDecodable)]
struct SlotRow {
    address: Address,
    slot: U256,
    value: U256,
}

/// A patch as it is kept.
#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct PatchRows {
    accounts: Vec<AccountRow>,
    slots: Vec<SlotRow>,
    codes: Vec<Bytes>,
}

impl From<&Patch> for PatchRows {
    fn from(patch: &Patch) -> PatchRows {
        let accounts = patch.accounts.iter().map(|(address, state)| {
            let AccountState { balance, nonce, code_hash } = state.unwrap_or(AccountState::NEW);
            AccountRow { address: *address, exists: state.is_some(), balance, nonce, code_hash }
        });
        let slots = patch.slots.iter();
        PatchRows {
            accounts: accounts.collect(),
            slots: slots
                .map(|((address, slot), value)| SlotRow { address: *address, slot: *slot, value: *value })
                .collect(),
            codes: patch.codes.values().cloned().collect(),
        }
    }
}

impl From<PatchRows> for Patch {
    fn from(rows: PatchRows) -> Patch {
        let accounts = rows.accounts.into_iter().map(|row| {
            let AccountRow { address, exists, balance, nonce, code_hash } = row;
            (address, exists.then_some(AccountState { balance, nonce, code_hash }))
        });
        Patch {
            accounts: accounts.collect(),
            slots: rows.slots.into_iter().map(|row| ((row.address, row.slot), row.value)).collect(),
            codes: rows.codes.into_iter().map(|code| (keccak256(&code), code)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taking a patch back leaves what was there, and a view below a block does not see it.
    #[test]
    fn patches_can_be_taken_back() {
        let (one, two) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let state = |balance: u64| Some(AccountState { balance: U256::from(balance), ..AccountState::NEW });
        let mut world = World::default();
        let first = Patch {
            accounts: [(one, state(5))].into(),
            slots: [((one, U256::ZERO), U256::from(7))].into(),
            ..Patch::default()
        };
        world.apply(&first);
        let before = world.clone();
        let second = Patch {
            accounts: [(one, None), (two, state(9))].into(),
            slots: [((one, U256::ZERO), U256::ZERO)].into(),
            ..Patch::default()
        };
        let inverse = world.apply(&second);
        let view = View { world: &world, inverses: vec![&inverse], above: Patch::default(), hashes: &[] };
        assert_eq!((view.account(one), view.account(two)), (state(5), None));
        assert_eq!(view.slot(one, U256::ZERO), U256::from(7));
        world.apply(&inverse);
        assert_eq!(world, before);
        let rows = Patch::from(PatchRows::from(&second));
        assert_eq!(rows, second);
    }
}
