//! The mathematics of the transparency log: everything a third party needs to check us, and everything the
//! log itself needs to decide, without IO, clock or randomness.
//!
//! Bytes come in, decisions and bytes go out. Storage, HTTP and time belong to the kernel and the server.
//! Formats are those of RFC 6962 and of C2SP; each module owns one noun of them:
//!
//! | module | noun | spec |
//! | --- | --- | --- |
//! | [`leaf`] | what one entry commits to, and its opening | Aegis |
//! | [`tree`] | hashes, root, frontier | RFC 6962 §2.1 |
//! | [`tile`] | coordinates and bytes of tiles and entry bundles | c2sp.org/tlog-tiles |
//! | [`edge`] | the growing right edge: the sequencer's computation | c2sp.org/tlog-tiles |
//! | [`node`] | reading single nodes out of tiles | c2sp.org/tlog-tiles |
//! | [`proof`] | inclusion and consistency | RFC 9162 §2.1.3, §2.1.4 |
//! | [`note`] | signed text, verifier keys | c2sp.org/signed-note |
//! | [`checkpoint`] | signed size and root | c2sp.org/tlog-checkpoint |
//! | [`cosignature`] | a witness's timestamped signature | c2sp.org/tlog-cosignature |
//! | [`witness`] | when a witness cosigns | c2sp.org/tlog-witness |
//! | [`policy`] | whom to believe | c2sp.org/tlog-policy |
//! | [`tlogproof`] | one file that proves one entry | c2sp.org/tlog-proof |
//! | [`verify`] | checking a whole log | — |
//!
//! Start with [`tlogproof::TlogProof`] to check one entry, with [`verify::LogCheck`] to check a log, and with
//! [`edge::RightEdge`] to run one.

pub mod checkpoint;
pub mod cosignature;
pub mod edge;
pub mod leaf;
pub mod node;
pub mod note;
pub mod policy;
pub mod proof;
mod text;
pub mod tile;
pub mod tlogproof;
pub mod tree;
pub mod verify;
pub mod witness;
