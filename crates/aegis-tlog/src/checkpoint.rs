//! Checkpoints: the size and root a log signs (c2sp.org/tlog-checkpoint).

use std::fmt;

use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::to_base64;

use crate::note::{NoteMalformed, NoteRefused, NoteSigner, SignedNote, VerifierKey};
use crate::text::{parse_decimal, parse_hash};
use crate::tree::SIZE_MAX;

/// What a log states about itself: who it is, how many leaves it has and their root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Identity of the log; by our rule also the name of its keys.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree.
    pub root: Digest,
    /// Further lines, opaque. Ours has none.
    pub extensions: Vec<String>,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointMalformed {
    /// The first line is empty or missing.
    #[error("no origin line")]
    Origin,
    /// The second line is no tree size in canonical decimal.
    #[error("no tree size line")]
    Size,
    /// The third line is no SHA-256 hash in base64.
    #[error("no root hash line")]
    Root,
    /// A further line is empty, or the last one does not end.
    #[error("an empty or unfinished line")]
    Line,
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointRefused {
    /// The bytes are no signed note.
    #[error("no signed note")]
    Note(#[from] NoteMalformed),
    /// The note's text is no checkpoint.
    #[error("no checkpoint")]
    Text(#[from] CheckpointMalformed),
    /// The log's signature is missing or does not hold.
    #[error("the checkpoint is not signed by the log")]
    Signature(#[from] NoteRefused),
    /// The origin is not the name of the key.
    #[error("the checkpoint is of another log")]
    Origin,
}

impl Checkpoint {
    /// States size and root of the log `origin`, without extension lines.
    pub fn new(origin: &str, size: u64, root: Digest) -> Checkpoint {
        Checkpoint { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// Reads the text of a note; exactly what `Display` writes.
    ///
    /// # Errors
    /// [`CheckpointMalformed`] with the line that is wrong.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointMalformed> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointMalformed::Line)?.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointMalformed::Origin)?;
        let size = lines.next().and_then(parse_decimal).ok_or(CheckpointMalformed::Size)?;
        let root = lines.next().and_then(parse_hash).ok_or(CheckpointMalformed::Root)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointMalformed::Line);
        }
        Ok(Checkpoint { origin: origin.to_owned(), size, root, extensions })
    }

    /// Signs the checkpoint with the log's key.
    ///
    /// The caller guarantees that it extends every checkpoint signed before and is durable: a signed
    /// checkpoint cannot be taken back.
    ///
    /// # Errors
    /// [`CheckpointRefused::Origin`] if the key's name is not the origin; [`CheckpointRefused::Text`] or
    /// [`CheckpointRefused::Note`] if origin, size or an extension cannot be written.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, CheckpointRefused> {
        let text = self.to_string();
        if signer.verifier().name() != self.origin {
            return Err(CheckpointRefused::Origin);
        }
        if self.size > SIZE_MAX {
            return Err(CheckpointMalformed::Size.into());
        }
        if Checkpoint::parse(&text)? != *self {
            return Err(CheckpointMalformed::Line.into());
        }
        Ok(SignedNote::new(&text, vec![signer.sign(&text)])?)
    }

    /// Reads a signed checkpoint and believes it if the log's key signed it. Cosignatures are left to
    /// [`crate::policy`].
    ///
    /// # Errors
    /// [`CheckpointRefused`] with the first rule that is broken.
    pub fn open(note: &[u8], log: &VerifierKey) -> Result<Checkpoint, CheckpointRefused> {
        let note = SignedNote::parse(note)?;
        note.verify(std::slice::from_ref(log))?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin == log.name() { Ok(checkpoint) } else { Err(CheckpointRefused::Origin) }
    }
}

/// Writes the text of the note, final newline included.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, to_base64(self.root.as_bytes()))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
