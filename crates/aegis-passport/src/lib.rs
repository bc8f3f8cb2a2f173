//! Agent passports: the document, and every rule about issuing, verifying and revoking it.
//!
//! Pure: no clock, no network, no database. A relying party embeds this crate to verify offline what the
//! server verifies online, by the same code. Start at [`document`] for the bytes, [`verify`] for the
//! algorithm, [`issue`] for what may be issued, [`revoke`] for how it ends.
//!
//! A bad passport is an answer, not an error:
//!
//! ```
//! use aegis_core::{json, time::Timestamp};
//! use aegis_passport::ids::Did;
//! use aegis_passport::keys::KeyBook;
//! use aegis_passport::verdict::Reason;
//! use aegis_passport::verify::{Ask, verify};
//!
//! let issuer = Did::from_origin("https://id.example.org").expect("an origin");
//! let keys = KeyBook::new(issuer, []);
//! let document = json::parse(br#"{"agent_id":"x"}"#, 32)?;
//! let verdict = verify(&document, &keys, |_| unreachable!("not proven"), &Ask::now(Timestamp::from_seconds(0)));
//! assert_eq!(verdict.reason, Some(Reason::SchemaInvalid));
//! assert_eq!(verdict.reason_text(), Some("/schema_version is required"));
//! # Ok::<(), json::Unreadable>(())
//! ```

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
pub mod schema;
pub mod scope;
pub mod signed;
pub mod text;
pub mod verdict;
pub mod verify;
