#![cfg(test)]
//! The chain client, on the chain in process and, where `AEGIS_TEST_ANVIL` names one, on an anvil node.
//!
//! `tests/anvil/run` starts such a node on loopback and runs these tests against it.

mod authorizations;
mod faults;
mod fiat;
mod journal;
mod lives;
mod movements;
mod sandbox;
mod submissions;
mod suite;
mod vectors;
mod world;
