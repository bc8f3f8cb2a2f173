//! One file that proves one entry offline (c2sp.org/tlog-proof): index, inclusion proof, signed checkpoint,
//! and, in the `extra` line, the opening of the leaf.

use std::fmt;

use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::{from_base64, to_base64};

use crate::leaf::{OPENING_BYTES_MAX, Opening, OpeningRefused};
use crate::note::{NOTE_BYTES_MAX, SignedNote};
use crate::policy::{NotTrusted, Policy, Trusted};
use crate::proof::{InclusionProof, ProofRefused};
use crate::text::{parse_decimal, parse_hash};

/// The first line of every proof.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Most hashes of an inclusion proof within [`SIZE_MAX`](crate::tree::SIZE_MAX).
const PROOF_LINES_MAX: usize = 63;
/// Largest proof that is read: an opening in base64, the hashes and a note.
pub const TLOG_PROOF_BYTES_MAX: usize = OPENING_BYTES_MAX / 3 * 4 + NOTE_BYTES_MAX + 8192;

/// A proof that some entry is in some log. Nothing in it is believed before [`TlogProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What the application adds; not authenticated by itself.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// Inclusion proof in the checkpoint's tree, from the leaf's sibling upward.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint.
    pub checkpoint: SignedNote,
}

/// The text does not follow the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a c2sp.org/tlog-proof@v1")]
pub struct TlogProofMalformed;

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// The checkpoint does not satisfy the policy.
    #[error("the checkpoint is not trusted")]
    Checkpoint(#[from] NotTrusted),
    /// The entry is not in the checkpoint's tree at this index.
    #[error("the inclusion proof does not hold")]
    Inclusion(#[from] ProofRefused),
    /// The `extra` line is missing or no opening.
    #[error("the proof carries no usable opening")]
    Opening(#[from] OpeningRefused),
}

impl TlogProof {
    /// Puts together the proof of the leaf that `opening` opens.
    pub fn new(opening: Option<&Opening>, inclusion: InclusionProof, checkpoint: SignedNote) -> TlogProof {
        TlogProof {
            extra: opening.map(|opening| opening.to_json().into_bytes()),
            index: inclusion.index,
            hashes: inclusion.hashes,
            checkpoint,
        }
    }

    /// Reads a proof; exactly what `Display` writes.
    ///
    /// # Errors
    /// [`TlogProofMalformed`].
    pub fn parse(text: &[u8]) -> Result<TlogProof, TlogProofMalformed> {
        TlogProof::read(text).ok_or(TlogProofMalformed)
    }

    fn read(text: &[u8]) -> Option<TlogProof> {
        if text.len() > TLOG_PROOF_BYTES_MAX {
            return None;
        }
        let (head, note) = std::str::from_utf8(text).ok()?.split_once("\n\n")?;
        let mut lines = head.strip_prefix(HEADER)?.strip_prefix('\n')?.split('\n');
        let mut line = lines.next()?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = Some(from_base64(encoded)?);
            line = lines.next()?;
        }
        let index = parse_decimal(line.strip_prefix("index ")?)?;
        let hashes: Vec<Digest> = lines.take(PROOF_LINES_MAX + 1).map(parse_hash).collect::<Option<_>>()?;
        if hashes.len() > PROOF_LINES_MAX {
            return None;
        }
        let checkpoint = SignedNote::parse(note.as_bytes()).ok()?;
        Some(TlogProof { extra, index, hashes, checkpoint })
    }

    /// Checks that the leaf with hash `leaf` is in a log that `policy` believes, witnessed as it asks.
    ///
    /// # Errors
    /// [`NotProven::Checkpoint`] or [`NotProven::Inclusion`].
    pub fn verify(&self, leaf: &Digest, policy: &Policy) -> Result<Trusted, NotProven> {
        let trusted = policy.check(&self.checkpoint)?;
        let inclusion =
            InclusionProof { index: self.index, size: trusted.checkpoint.size, hashes: self.hashes.clone() };
        inclusion.verify(leaf, &trusted.checkpoint.root)?;
        Ok(trusted)
    }

    /// Checks the proof of the fact it carries: opening → leaf → tree → checkpoint → policy.
    ///
    /// Nothing is said about which entry this is: the caller compares the opening's commitment and details
    /// with what it wanted proven.
    ///
    /// # Errors
    /// [`NotProven::Opening`] if `extra` is missing or no opening; otherwise as [`TlogProof::verify`].
    pub fn verify_opening(&self, policy: &Policy) -> Result<(Opening, Trusted), NotProven> {
        let extra = self.extra.as_deref().ok_or(OpeningRefused::Malformed)?;
        let opening = Opening::parse(extra)?;
        let trusted = self.verify(&opening.commitment().leaf_hash(), policy)?;
        Ok((opening, trusted))
    }
}

/// Writes the proof as text.
impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", to_base64(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use aegis_core::crypto::sign::SigningKey;
    use aegis_core::secret::Secret;
    use aegis_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::edge::RightEdge;
    use crate::leaf::Statement;
    use crate::note::NoteSigner;
    use crate::tile::{Resource, Tile};

    fn log() -> NoteSigner {
        NoteSigner::new("example.com/log", SigningKey::from_seed(&Secret::new([1; 32]))).unwrap()
    }

    fn policy() -> Policy {
        Policy::of_log(log().verifier().clone()).unwrap()
    }

    fn opening(number: u8) -> Opening {
        let statement = Statement {
            at: Timestamp::from_seconds(1_778_277_600),
            op: "identity.issue".into(),
            actor: "op_acme".into(),
            subject: format!("agent_{number}"),
            outcome: "committed".into(),
        };
        Opening::commit(statement, [number; 32], &serde_json::json!({ "n": number })).unwrap()
    }

    fn proof(index: u8, size: u8) -> TlogProof {
        let mut edge = RightEdge::empty();
        for number in 0..size {
            edge.append(opening(number).commitment().entry().as_bytes()).unwrap();
        }
        let note = Checkpoint::new("example.com/log", size.into(), edge.root()).sign(&log()).unwrap();
        let writes = edge.take_writes();
        let fetch = |tile: Tile| {
            let found = writes.iter().find(|write| write.resource == Resource::Tile(tile));
            Ok::<_, Infallible>(found.unwrap().bytes.clone())
        };
        let inclusion = InclusionProof::make(index.into(), size.into(), fetch).unwrap();
        TlogProof::new(Some(&opening(index)), inclusion, note)
    }

    /// A proof survives its text and yields the fact it carries; a proof for another entry does not.
    #[test]
    fn proves_the_opening() {
        for (index, size) in [(0, 1), (0, 2), (5, 9), (8, 9)] {
            let proof = proof(index, size);
            assert_eq!(TlogProof::parse(proof.to_string().as_bytes()), Ok(proof.clone()));
            let (opened, trusted) = proof.verify_opening(&policy()).unwrap();
            assert_eq!((opened, trusted.checkpoint.size), (opening(index), u64::from(size)));
            let other = opening(index + 1).commitment().leaf_hash();
            assert_eq!(proof.verify(&other, &policy()), Err(NotProven::Inclusion(ProofRefused::Root)));
        }
    }

    /// Without opening, with another one, for another log or index, nothing is proven.
    #[test]
    fn refusals() {
        let good = proof(5, 9);
        let none = TlogProof { extra: None, ..good.clone() };
        assert_eq!(none.verify_opening(&policy()), Err(NotProven::Opening(OpeningRefused::Malformed)));
        assert!(none.verify(&opening(5).commitment().leaf_hash(), &policy()).is_ok());
        let other = TlogProof { extra: Some(opening(4).to_json().into_bytes()), ..good.clone() };
        assert_eq!(other.verify_opening(&policy()), Err(NotProven::Inclusion(ProofRefused::Root)));
        let beyond = TlogProof { index: 9, ..good.clone() };
        assert_eq!(beyond.verify_opening(&policy()), Err(NotProven::Inclusion(ProofRefused::OutOfRange)));
        let key = SigningKey::from_seed(&Secret::new([2; 32]));
        let stranger = NoteSigner::new("example.com/log", key).unwrap().verifier().clone();
        let refused = good.verify_opening(&Policy::of_log(stranger).unwrap());
        assert!(matches!(refused, Err(NotProven::Checkpoint(NotTrusted::Signature(_)))));
    }

    /// Each broken part of the text is refused.
    #[test]
    fn reads_strictly() {
        let good = proof(5, 9).to_string();
        for bad in [
            good.replace("@v1", "@v2"),
            good.replace("index 5", "index 05"),
            good.replace("index 5\n", ""),
            good.replace("extra ", "extra  "),
            good.replace("extra ", "Extra "),
            good.replacen("=\n", "\n", 2),
            good.replace("\n\nexample", "\nexample"),
            good.replace("index 5\n", &format!("index 5\n{}", format!("{}=\n", "A".repeat(43)).repeat(60))),
            good.trim_end().to_owned(),
            format!("\n{good}"),
        ] {
            assert_eq!(TlogProof::parse(bad.as_bytes()), Err(TlogProofMalformed), "{bad}");
        }
    }

    proptest! {
        /// Arbitrary bytes never panic; a proof with one byte altered proves nothing, or the same.
        #[test]
        fn altered_proofs_fail(noise in prop::collection::vec(any::<u8>(), 0..120), at: prop::sample::Index, byte: u8) {
            prop_assert!(TlogProof::parse(&noise).is_err());
            let mut text = proof(5, 9).to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(read) = TlogProof::parse(&text) {
                prop_assert_eq!(read.to_string().into_bytes(), text);
                if let Ok((opened, trusted)) = read.verify_opening(&policy()) {
                    prop_assert_eq!((opened, trusted.checkpoint.size), (opening(5), 9));
                }
            }
        }
    }
}
