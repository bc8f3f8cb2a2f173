//! Chains: reading them, signing for them, presenting signed bytes to them, and one that runs inside the process.
//!
//! Whether a chain is a node behind JSON-RPC or the one in this process is known to the module `transport` alone: everything
//! above it sends the same requests and reads the same answers. Amounts, addresses and hashes are the wallet's own
//! types. Which artefact is signed, with which account nonce and when, is decided elsewhere and comes in as a value;
//! nothing here allocates a nonce, retries a submission or keeps a row.
//!
//! Start at [`chain`] for a connection, [`transaction`] and [`eip3009`] for what is signed, [`send`] for what a
//! submission's answer proves, [`sight`] for what a chain proves about an artefact, [`sim`] for the chain in process.

pub mod chain;
pub mod contract;
mod convert;
pub mod deposit;
pub mod eip3009;
pub mod fault;
pub mod fee;
pub mod finality;
pub mod hd;
pub mod key;
pub mod read;
pub mod send;
pub mod sight;
pub mod sim;
pub mod token;
pub mod transaction;
mod transport;
