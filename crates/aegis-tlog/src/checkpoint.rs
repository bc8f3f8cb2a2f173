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

#[cfg(test)]
mod tests {
    use aegis_core::crypto::sign::SigningKey;
    use aegis_core::secret::Secret;
    use proptest::prelude::*;

    use super::*;

    fn log(origin: &str, seed: u8) -> NoteSigner {
        NoteSigner::new(origin, SigningKey::from_seed(&Secret::new([seed; 32]))).unwrap()
    }

    /// What the log signs, its key opens; another log's key, an unsigned or a foreign one does not.
    #[test]
    fn signs_and_opens() {
        let signer = log("example.com/log", 1);
        let mut checkpoint = Checkpoint::new("example.com/log", 20_852_163, Digest::of(&[b"root"]));
        checkpoint.extensions.push("more".into());
        let note = checkpoint.sign(&signer).unwrap().to_string();
        assert_eq!(Checkpoint::open(note.as_bytes(), signer.verifier()), Ok(checkpoint.clone()));
        let other = log("example.com/log", 2);
        assert_eq!(
            Checkpoint::open(note.as_bytes(), other.verifier()),
            Err(CheckpointRefused::Signature(NoteRefused::Unsigned))
        );
        let elsewhere = log("example.com/other", 1);
        assert_eq!(checkpoint.sign(&elsewhere), Err(CheckpointRefused::Origin));
        let text = checkpoint.to_string();
        let stray = SignedNote::new(&text, vec![elsewhere.sign(&text)]).unwrap().to_string();
        assert_eq!(Checkpoint::open(stray.as_bytes(), elsewhere.verifier()), Err(CheckpointRefused::Origin));
        let plain = SignedNote::new("hello\n", vec![signer.sign("hello\n")]).unwrap().to_string();
        assert_eq!(
            Checkpoint::open(plain.as_bytes(), signer.verifier()),
            Err(CheckpointRefused::Text(CheckpointMalformed::Size))
        );
    }

    /// What could not be read back is not signed.
    #[test]
    fn signs_only_what_reads_back() {
        let signer = log("example.com/log", 1);
        let good = Checkpoint::new("example.com/log", 1, Digest::ZERO);
        let line = |line: &str| Checkpoint { extensions: vec![line.to_owned()], ..good.clone() };
        for bad in
            [line(""), line("a\nb"), line("a\n\nb"), line("\r"), Checkpoint { size: 1 << 63, ..good.clone() }]
        {
            assert!(bad.sign(&signer).is_err(), "{bad:?}");
        }
    }

    /// Each line is checked and named.
    #[test]
    fn reads_strictly() {
        let good = Checkpoint::new("example.com/log", 10, Digest::ZERO).to_string();
        for (text, why) in [
            (good.replace("example.com/log", ""), CheckpointMalformed::Origin),
            (good.replace("10\n", "010\n"), CheckpointMalformed::Size),
            (good.replace("10\n", "ten\n"), CheckpointMalformed::Size),
            (good.replace("10\n", "9223372036854775808\n"), CheckpointMalformed::Size),
            (good.replace('=', ""), CheckpointMalformed::Root),
            (good.trim_end().to_owned(), CheckpointMalformed::Line),
            (format!("{good}\n"), CheckpointMalformed::Line),
            ("only\n".to_owned(), CheckpointMalformed::Size),
            (String::new(), CheckpointMalformed::Line),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(why), "{text:?}");
        }
    }

    proptest! {
        /// Whatever is read is written back the same; nothing panics.
        #[test]
        fn parsing_is_total(text in "[a-c]{0,2}\n[0-9]{0,3}\n(A{43}=|[A=]{40,48})?\n?[a\n]{0,6}|\\PC{0,40}") {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.to_string(), text);
            }
        }
    }
}
