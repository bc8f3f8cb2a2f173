//! Agent passports: the document, and every rule about issuing, verifying and revoking it.
//!
//! Pure: no clock, no network, no database. A relying party embeds this crate to verify offline what the
//! server verifies online, by the same code. Start at [`document`] for the bytes, [`verify`] for the
//! algorithm, [`issue`] for what may be issued.

pub mod attestation;
pub mod bundle;
mod closed_set;
pub mod delegation;
pub mod did_document;
pub mod document;
pub mod expect;
pub mod facts;
pub mod fields;
pub mod ids;
pub mod issue;
pub mod key_history;
pub mod keys;
pub mod lineage;
pub mod pack;
pub mod profile;
pub mod revocation_list;
pub mod revoke;
pub mod risk;
pub mod scope;
pub mod signed;
pub mod text;
pub mod verdict;
pub mod verify;
