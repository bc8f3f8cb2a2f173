//! When a witness cosigns: the rules of `add-checkpoint` (c2sp.org/tlog-witness).
//!
//! A witness remembers one size and root for each log and never goes back. The decision is made here, from
//! the request and what is remembered; the caller makes the new state durable, atomically with having read
//! the old one, and only then cosigns and answers.

use std::fmt;

use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::to_base64;

use crate::checkpoint::Checkpoint;
use crate::note::{NOTE_BYTES_MAX, NoteMalformed, SignedNote, VerifierKey};
use crate::proof::ConsistencyProof;
use crate::text::{parse_decimal, parse_hash};
use crate::tree::empty_root;

/// Most hashes of a consistency proof.
pub const PROOF_LINES_MAX: usize = 63;
/// Largest request that is read: the proof lines and a note.
pub const REQUEST_BYTES_MAX: usize = NOTE_BYTES_MAX + 4096;

/// The body of an `add-checkpoint` request. Nothing in it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: Vec<Digest>,
    note: SignedNote,
    checkpoint: Checkpoint,
}

/// What a witness remembers of one log: the largest tree it cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree.
    pub root: Digest,
}

/// A checkpoint to be cosigned, and what to remember first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// To be made durable before the answer, in place of what was passed to [`AddCheckpoint::decide`].
    pub seen: Seen,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The checkpoint's text with the log's own signatures only; to be served together with the
    /// cosignature.
    pub note: SignedNote,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefused {
    /// The body does not follow the format.
    #[error("the request is malformed")]
    Malformed,
    /// The old size is larger than the checkpoint's.
    #[error("the old size is larger than the checkpoint")]
    OldSizeTooLarge,
    /// A signature of the log is missing or does not hold.
    #[error("the log's signature is missing or does not hold")]
    BadSignature,
    /// The log is not one this witness is configured for.
    #[error("the log is unknown to this witness")]
    UnknownOrigin,
    /// The old size is not the one remembered; the answer's body is `SIZE` and a newline, of type
    /// `text/x.tlog.size`.
    #[error("the last cosigned size is {size}")]
    Conflict {
        /// The size remembered.
        size: u64,
    },
    /// The checkpoint does not extend what is remembered, or the proof does not show it.
    #[error("the consistency proof does not hold")]
    BadProof,
}

impl WitnessRefused {
    /// The HTTP status the protocol assigns.
    pub const fn status(self) -> u16 {
        match self {
            WitnessRefused::Malformed | WitnessRefused::OldSizeTooLarge => 400,
            WitnessRefused::BadSignature => 403,
            WitnessRefused::UnknownOrigin => 404,
            WitnessRefused::Conflict { .. } => 409,
            WitnessRefused::BadProof => 422,
        }
    }
}

impl AddCheckpoint {
    /// The request with which a log asks for a cosignature of `note`.
    ///
    /// # Errors
    /// [`WitnessRefused::Malformed`] if the note is no checkpoint or the proof too long.
    pub fn new(proof: &ConsistencyProof, note: SignedNote) -> Result<AddCheckpoint, WitnessRefused> {
        let checkpoint = Checkpoint::parse(note.text()).map_err(|_| WitnessRefused::Malformed)?;
        if proof.hashes.len() > PROOF_LINES_MAX {
            return Err(WitnessRefused::Malformed);
        }
        Ok(AddCheckpoint { old_size: proof.from, proof: proof.hashes.clone(), note, checkpoint })
    }

    /// Reads a request body; exactly what `Display` writes.
    ///
    /// # Errors
    /// [`WitnessRefused::Malformed`].
    pub fn parse(body: &[u8]) -> Result<AddCheckpoint, WitnessRefused> {
        AddCheckpoint::read(body).ok_or(WitnessRefused::Malformed)
    }

    fn read(body: &[u8]) -> Option<AddCheckpoint> {
        if body.len() > REQUEST_BYTES_MAX {
            return None;
        }
        let (head, note) = std::str::from_utf8(body).ok()?.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old_size = parse_decimal(lines.next()?.strip_prefix("old ")?)?;
        // One more than allowed is enough to know that there are too many.
        let proof: Vec<Digest> = lines.take(PROOF_LINES_MAX + 1).map(parse_hash).collect::<Option<_>>()?;
        if proof.len() > PROOF_LINES_MAX {
            return None;
        }
        let note = SignedNote::parse(note.as_bytes()).ok()?;
        let checkpoint = Checkpoint::parse(note.text()).ok()?;
        Some(AddCheckpoint { old_size, proof, note, checkpoint })
    }

    /// The log the request is about: by this the caller finds its keys and what it remembers of it.
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// Decides whether to cosign.
    ///
    /// `keys` are the log keys this witness is configured with; those named like the origin count. `seen` is
    /// what it remembers of this origin, `None` if it never cosigned it.
    ///
    /// # Errors
    /// [`WitnessRefused`] with the first rule that is broken, in the protocol's order: unknown log,
    /// signature, old size above the checkpoint's, old size not the one remembered, proof.
    pub fn decide(&self, keys: &[VerifierKey], seen: Option<Seen>) -> Result<Accepted, WitnessRefused> {
        let of_origin = |key: &&VerifierKey| key.name() == self.origin();
        let keys: Vec<VerifierKey> = keys.iter().filter(of_origin).cloned().collect();
        if keys.is_empty() {
            return Err(WitnessRefused::UnknownOrigin);
        }
        self.note.verify(&keys).map_err(|_| WitnessRefused::BadSignature)?;
        let Checkpoint { size, root, .. } = self.checkpoint;
        if self.old_size > size {
            return Err(WitnessRefused::OldSizeTooLarge);
        }
        let seen = seen.unwrap_or_else(|| Seen { size: 0, root: empty_root() });
        if self.old_size != seen.size {
            return Err(WitnessRefused::Conflict { size: seen.size });
        }
        if size == 0 && root != empty_root() {
            return Err(WitnessRefused::BadProof);
        }
        let proof = ConsistencyProof { from: self.old_size, to: size, hashes: self.proof.clone() };
        proof.verify(&seen.root, &root).map_err(|_| WitnessRefused::BadProof)?;
        let own = self.note.signatures().iter().filter(|line| keys.iter().any(|key| line.is_by(key)));
        let note = SignedNote::new(self.note.text(), own.cloned().collect());
        let note = note.map_err(|_: NoteMalformed| WitnessRefused::Malformed)?;
        Ok(Accepted { seen: Seen { size, root }, checkpoint: self.checkpoint.clone(), note })
    }
}

/// Writes the request body.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{}", to_base64(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.note)
    }
}

/// The signature lines of a witness's 200 answer; unknown keys are left to the reader of the note.
///
/// `None` if the body is no sequence of signature lines.
pub fn parse_cosignatures(body: &[u8]) -> Option<Vec<crate::note::NoteSignature>> {
    let lines = std::str::from_utf8(body.get(..body.len().min(NOTE_BYTES_MAX))?).ok()?;
    let lines = lines.strip_suffix('\n')?.split('\n');
    let lines: Vec<_> = lines.take(crate::note::SIGNATURES_MAX + 1).collect();
    if lines.len() > crate::note::SIGNATURES_MAX {
        return None;
    }
    lines.into_iter().map(crate::note::NoteSignature::parse).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use aegis_core::crypto::sign::SigningKey;
    use aegis_core::secret::Secret;
    use aegis_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::cosignature::Cosigner;
    use crate::edge::RightEdge;
    use crate::note::NoteSigner;
    use crate::tile::{Resource, Tile};

    fn log() -> NoteSigner {
        NoteSigner::new("example.com/log", SigningKey::from_seed(&Secret::new([1; 32]))).unwrap()
    }

    fn edge(size: u64) -> RightEdge {
        let mut edge = RightEdge::empty();
        (0..size).for_each(|n| assert!(edge.append(&n.to_be_bytes()).is_ok()));
        edge
    }

    fn seen(size: u64) -> Seen {
        Seen { size, root: edge(size).root() }
    }

    /// The request a log of `size` leaves sends to a witness that saw `old`.
    fn request(old: u64, size: u64) -> AddCheckpoint {
        let writes = edge(size).take_writes();
        let tile = |tile: Tile| {
            let found = writes.iter().find(|write| write.resource == Resource::Tile(tile));
            Ok::<_, Infallible>(found.unwrap().bytes.clone())
        };
        let proof = ConsistencyProof::make(old, size, tile).unwrap();
        let note = Checkpoint::new("example.com/log", size, edge(size).root()).sign(&log()).unwrap();
        AddCheckpoint::new(&proof, note).unwrap()
    }

    fn decide(request: &AddCheckpoint, seen: impl Into<Option<Seen>>) -> Result<Accepted, WitnessRefused> {
        request.decide(&[log().verifier().clone()], seen.into())
    }

    /// From any earlier size, none included, an honest log is cosigned and the state moves on; the served
    /// note keeps only the log's signature.
    #[test]
    fn honest_logs_are_cosigned() {
        for (old, size) in [(0, 0), (0, 7), (7, 7), (7, 8), (8, 300), (255, 300), (256, 300)] {
            let mut request = request(old, size);
            let stranger =
                Cosigner::new("other.example", SigningKey::from_seed(&Secret::new([9; 32]))).unwrap();
            let text = request.note.text().to_owned();
            request.note.add(stranger.cosign(&text, Timestamp::from_seconds(1))).unwrap();
            let request = AddCheckpoint::parse(request.to_string().as_bytes()).unwrap();
            let accepted = decide(&request, seen(old)).unwrap();
            assert_eq!(accepted.seen, seen(size));
            assert_eq!(accepted.note.signatures(), [log().sign(&text)]);
            if old == 0 {
                assert_eq!(decide(&request, None), Ok(accepted));
            }
        }
    }

    /// Each refusal of the protocol, with its status, in the protocol's order.
    #[test]
    fn refusals() {
        let good = request(7, 300);
        let other = NoteSigner::new("example.com/log", SigningKey::from_seed(&Secret::new([2; 32]))).unwrap();
        assert_eq!(good.decide(&[], Some(seen(7))), Err(WitnessRefused::UnknownOrigin));
        assert_eq!(
            good.decide(&[other.verifier().clone()], Some(seen(7))),
            Err(WitnessRefused::BadSignature)
        );
        let forged = AddCheckpoint {
            note: SignedNote::parse(good.note.to_string().replace("\n300\n", "\n301\n").as_bytes()).unwrap(),
            ..good.clone()
        };
        assert_eq!(decide(&forged, seen(7)), Err(WitnessRefused::BadSignature));
        let large = AddCheckpoint { old_size: 301, ..good.clone() };
        assert_eq!(decide(&large, seen(301)), Err(WitnessRefused::OldSizeTooLarge));
        assert_eq!(decide(&large, seen(7)), Err(WitnessRefused::OldSizeTooLarge));
        assert_eq!(decide(&good, seen(8)), Err(WitnessRefused::Conflict { size: 8 }));
        assert_eq!(decide(&good, None), Err(WitnessRefused::Conflict { size: 0 }));
        let fork = Some(Seen { size: 7, root: Digest::ZERO });
        assert_eq!(decide(&good, fork), Err(WitnessRefused::BadProof));
        let short = AddCheckpoint { proof: good.proof[1..].to_vec(), ..good.clone() };
        assert_eq!(decide(&short, seen(7)), Err(WitnessRefused::BadProof));
        let needless = AddCheckpoint { proof: good.proof.clone(), ..request(0, 300) };
        assert_eq!(decide(&needless, None), Err(WitnessRefused::BadProof));
        let same = request(300, 300);
        let fork = Some(Seen { size: 300, root: Digest::ZERO });
        assert_eq!(decide(&same, fork), Err(WitnessRefused::BadProof));
        let note = Checkpoint::new("example.com/log", 0, Digest::ZERO).sign(&log()).unwrap();
        let empty = AddCheckpoint::new(&ConsistencyProof { from: 0, to: 0, hashes: vec![] }, note).unwrap();
        assert_eq!(decide(&empty, None), Err(WitnessRefused::BadProof));
        let statuses = [
            WitnessRefused::Malformed,
            WitnessRefused::OldSizeTooLarge,
            WitnessRefused::BadSignature,
            WitnessRefused::UnknownOrigin,
            WitnessRefused::Conflict { size: 1 },
            WitnessRefused::BadProof,
        ];
        assert_eq!(statuses.map(WitnessRefused::status), [400, 400, 403, 404, 409, 422]);
    }

    /// Each broken part of the body is refused.
    #[test]
    fn reads_strictly() {
        let good = request(7, 300).to_string();
        assert_eq!(AddCheckpoint::parse(good.as_bytes()).unwrap(), request(7, 300));
        for bad in [
            good.replace("old 7", "old 07"),
            good.replace("old 7", "old  7"),
            good.replace("old 7\n", ""),
            good.replacen("=\n", "\n", 1),
            good.replace("\n\nexample", "\nexample"),
            good.replace("\n\nexample", "\n\n\nexample"),
            good.replace("\n300\n", "\n0300\n"),
            good.trim_end().to_owned(),
            good.replace("old 7\n", &format!("old 7\n{}", format!("{}=\n", "A".repeat(43)).repeat(60))),
        ] {
            assert_eq!(AddCheckpoint::parse(bad.as_bytes()), Err(WitnessRefused::Malformed), "{bad}");
        }
    }

    /// A witness's answer is read line by line and its cosignature completes the note.
    #[test]
    fn answers_are_read() {
        let cosigner = Cosigner::new("w.example", SigningKey::from_seed(&Secret::new([3; 32]))).unwrap();
        let mut note = request(0, 3).note;
        let line = cosigner.cosign(note.text(), Timestamp::from_seconds(5));
        let lines = parse_cosignatures(format!("{line}\n{line}\n").as_bytes()).unwrap();
        for line in lines {
            note.add(line).unwrap();
        }
        assert_eq!(note.verify(&[cosigner.verifier().clone()]).unwrap().len(), 1);
        for bad in [String::new(), line.to_string(), format!("{line}\n\n"), format!("{line}\n").repeat(65)] {
            assert_eq!(parse_cosignatures(bad.as_bytes()), None);
        }
    }

    proptest! {
        /// Arbitrary and damaged bodies never panic, and a damaged one is never cosigned for another tree.
        #[test]
        fn parsing_is_total(noise in prop::collection::vec(any::<u8>(), 0..120), at: prop::sample::Index, byte: u8) {
            prop_assert!(AddCheckpoint::parse(&noise).is_err());
            parse_cosignatures(&noise);
            let mut body = request(3, 9).to_string().into_bytes();
            let at = at.index(body.len());
            body[at] = byte;
            if let Ok(request) = AddCheckpoint::parse(&body) {
                prop_assert_eq!(request.to_string().into_bytes(), body);
                if let Ok(accepted) = decide(&request, seen(3)) {
                    prop_assert_eq!(accepted.seen, seen(9));
                }
            }
        }
    }
}
