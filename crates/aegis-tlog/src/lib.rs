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
//!
//! ```
//! use aegis_core::crypto::sign::SigningKey;
//! use aegis_core::secret::Secret;
//! use aegis_core::time::Timestamp;
//! use aegis_tlog::checkpoint::Checkpoint;
//! use aegis_tlog::edge::RightEdge;
//! use aegis_tlog::leaf::{Opening, Statement};
//! use aegis_tlog::note::NoteSigner;
//! use aegis_tlog::policy::Policy;
//! use aegis_tlog::proof::InclusionProof;
//! use aegis_tlog::tile::Resource;
//! use aegis_tlog::tlogproof::TlogProof;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The log: commit to a fact, append its entry, sign the new tree.
//! let statement = Statement {
//!     at: Timestamp::from_seconds(1_778_277_600),
//!     op: "identity.issue".into(),
//!     actor: "op_acme_corp".into(),
//!     subject: "agent_1".into(),
//!     outcome: "committed".into(),
//! };
//! let opening = Opening::commit(statement, [7; 32], &["the details"])?;
//! let mut edge = RightEdge::empty();
//! edge.append(opening.commitment().entry().as_bytes())?;
//! edge.append(b"another entry")?;
//! let stored = edge.take_writes();
//! let signer = NoteSigner::new("example.com/log", SigningKey::from_seed(&Secret::new([1; 32])))?;
//! let signed = Checkpoint::new("example.com/log", edge.size(), edge.root()).sign(&signer)?;
//!
//! // The proof: read from the stored tiles, handed out as one text.
//! let inclusion = InclusionProof::make(0, 2, |tile| {
//!     let found = stored.iter().find(|write| write.resource == Resource::Tile(tile));
//!     found.map(|write| write.bytes.clone()).ok_or(std::fmt::Error)
//! })?;
//! let text = TlogProof::new(Some(&opening), inclusion, signed).to_string();
//!
//! // The check: offline, with nothing but the log's key.
//! let policy = Policy::of_log(signer.verifier().clone())?;
//! let (opened, trusted) = TlogProof::parse(text.as_bytes())?.verify_opening(&policy)?;
//! assert_eq!((opened.details(), trusted.checkpoint.size), (r#"["the details"]"#, 2));
//! # Ok(())
//! # }
//! ```

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
