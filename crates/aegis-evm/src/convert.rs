//! Between the wallet's types and those of the chain library. The only place that knows both.

use aegis_wallet::address::{Address, TxHash};
use aegis_wallet::amount::Atoms;
use alloy::primitives::{Address as ChainAddress, B256, U256};

pub(crate) const fn to_chain(address: Address) -> ChainAddress {
    ChainAddress::new(*address.as_bytes())
}

pub(crate) fn from_chain(address: ChainAddress) -> Address {
    Address::from_bytes(address.into_array())
}

pub(crate) const fn hash_to_chain(hash: TxHash) -> B256 {
    B256::new(*hash.as_bytes())
}

pub(crate) const fn hash_from_chain(hash: B256) -> TxHash {
    TxHash::from_bytes(hash.0)
}

pub(crate) const fn integer(atoms: Atoms) -> U256 {
    U256::from_be_bytes(atoms.to_be_bytes())
}

pub(crate) const fn atoms(integer: U256) -> Atoms {
    Atoms::from_be_bytes(integer.to_be_bytes())
}
