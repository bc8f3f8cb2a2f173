//! The file that keeps the chain in process: frames one after the other, each with its length and checksum.
//!
//! A frame holds what changed between two flushes, and counts once it is flushed; only then is anything answered. So a
//! crash can only leave the last frame unfinished: what is left of it is cut off at the next start. Damage anywhere else
//! is reported and nothing is opened.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::record::Record;

/// What the file begins with: its kind and version.
const MAGIC: &[u8; 16] = b"aegis-sim-chain1";
/// Length and checksum before each record.
const FRAME: usize = 8;
/// Bytes of one frame: the whole state of a sandbox has a hundredth of it.
const FRAME_BYTES_MAX: u32 = 1 << 30;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    /// The system refused.
    #[error("{what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Another process, or another chain of this one, has the file open.
    #[error("{0} is in use")]
    InUse(PathBuf),
    /// The file is not one of ours, or of another version.
    #[error("{0} is no journal of a sandbox chain of this version")]
    Foreign(PathBuf),
    /// A record before the end is damaged: the file was changed from outside, or the disk lost something.
    #[error("{path} is damaged at byte {at}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        at: u64,
    },
}

/// The open file.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    /// Records of the next frame.
    pending: Vec<u8>,
    /// Records since the last whole state.
    pub(super) appended: u64,
}

impl Journal {
    /// Opens or creates the file and reads what it holds; what a crash left unfinished is cut off.
    pub(super) fn open(path: &Path) -> Result<(Journal, Vec<Record>), JournalFault> {
        let io = |what| fault(what, path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io("cannot open"))?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io("cannot read"))?;
        if bytes.len() < MAGIC.len() {
            if !MAGIC.starts_with(&bytes) && bytes.iter().any(|byte| *byte != 0) {
                return Err(JournalFault::Foreign(path.to_owned()));
            }
            file.set_len(0).map_err(io("cannot write"))?;
            file.seek(SeekFrom::Start(0)).map_err(io("cannot write"))?;
            file.write_all(MAGIC).map_err(io("cannot write"))?;
            file.sync_all().map_err(io("cannot flush"))?;
            flush_folder(path)?;
            return Ok((
                Journal { file, path: path.to_owned(), pending: Vec::new(), appended: 0 },
                Vec::new(),
            ));
        }
        let (records, end) = read_all(&bytes, path)?;
        file.set_len(end).map_err(io("cannot cut"))?;
        file.seek(SeekFrom::Start(end)).map_err(io("cannot read"))?;
        file.sync_all().map_err(io("cannot flush"))?;
        let appended = u64::try_from(records.len()).unwrap_or(u64::MAX);
        Ok((Journal { file, path: path.to_owned(), pending: Vec::new(), appended }, records))
    }

    /// Adds a record to the next frame.
    pub(super) fn append(&mut self, record: &Record) {
        self.appended = self.appended.saturating_add(1);
        push_record(&mut self.pending, record);
    }

    /// Writes the frame and makes it durable.
    pub(super) fn flush(&mut self) -> Result<(), JournalFault> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let frame = framed(&std::mem::take(&mut self.pending));
        self.file.write_all(&frame).map_err(fault("cannot append to", &self.path))?;
        self.file.sync_data().map_err(fault("cannot flush", &self.path))
    }

    /// Puts one record in the place of everything, at once: before the file's name changes hands the old content
    /// counts, after it the new.
    pub(super) fn rewrite(path: &Path, whole: &Record) -> Result<Journal, JournalFault> {
        let next = path.with_extension("next");
        let mut content = MAGIC.to_vec();
        let mut record = Vec::new();
        push_record(&mut record, whole);
        content.extend(framed(&record));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&next)
            .map_err(fault("cannot create", &next))?;
        file.write_all(&content).map_err(fault("cannot write", &next))?;
        file.sync_all().map_err(fault("cannot flush", &next))?;
        lock(&file, &next)?;
        std::fs::rename(&next, path).map_err(fault("cannot replace", path))?;
        flush_folder(path)?;
        Ok(Journal { file, path: path.to_owned(), pending: Vec::new(), appended: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn fault(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> JournalFault {
    let path = path.to_owned();
    move |source| JournalFault::Io { what, path, source }
}

/// Held until the file is closed, however the process ends.
fn lock(file: &File, path: &Path) -> Result<(), JournalFault> {
    file.try_lock().map_err(|refused| match refused {
        TryLockError::WouldBlock => JournalFault::InUse(path.to_owned()),
        TryLockError::Error(source) => fault("cannot lock", path)(source),
    })
}

/// A new name in a folder is durable once the folder is.
fn flush_folder(path: &Path) -> Result<(), JournalFault> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flushed = File::open(folder).and_then(|folder| folder.sync_all());
    flushed.map_err(fault("cannot flush the folder of", path))
}

fn push_record(out: &mut Vec<u8>, record: &Record) {
    let bytes = record.to_bytes();
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

/// The records of a frame; nothing if one is none.
fn split_records(mut content: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while !content.is_empty() {
        let (length, rest) = content.split_first_chunk::<4>()?;
        let (record, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        records.push(Record::read(record)?);
        content = rest;
    }
    Some(records)
}

fn framed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(checksum(length, content).to_be_bytes());
    frame.extend_from_slice(content);
    frame
}

/// Over the length, too: a length of zeros is no record.
fn checksum(length: u32, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_be_bytes());
    hasher.update(content);
    hasher.finalize()
}

/// The records, and where the last whole frame ends.
fn read_all(bytes: &[u8], path: &Path) -> Result<(Vec<Record>, u64), JournalFault> {
    if !bytes.starts_with(MAGIC) {
        return Err(JournalFault::Foreign(path.to_owned()));
    }
    let mut records = Vec::new();
    let mut at = MAGIC.len();
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match read_one(rest) {
            Frame::Whole(found, length) => {
                records.extend(found);
                at = at.saturating_add(length);
            }
            Frame::Unfinished => break,
            Frame::Damaged => {
                let at = u64::try_from(at).unwrap_or(u64::MAX);
                return Err(JournalFault::Damaged { path: path.to_owned(), at });
            }
        }
    }
    Ok((records, u64::try_from(at).unwrap_or(u64::MAX)))
}

enum Frame {
    Whole(Vec<Record>, usize),
    /// What a write that was interrupted may leave: a part of it, or zeros, up to the end of the file.
    Unfinished,
    Damaged,
}

fn read_one(rest: &[u8]) -> Frame {
    if rest.iter().all(|byte| *byte == 0) {
        return Frame::Unfinished;
    }
    let word = |from: usize| {
        let bytes = rest.get(from..from.saturating_add(4))?;
        bytes.try_into().ok().map(u32::from_be_bytes)
    };
    let (Some(length), Some(expected)) = (word(0), word(4)) else { return Frame::Unfinished };
    if length > FRAME_BYTES_MAX {
        return Frame::Damaged;
    }
    let end = FRAME.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    let Some(content) = rest.get(FRAME..end) else { return Frame::Unfinished };
    if checksum(length, content) != expected {
        // The last frame can be torn in any order of its pages; one with others behind it was flushed.
        return if rest.len() == end { Frame::Unfinished } else { Frame::Damaged };
    }
    split_records(content).map_or(Frame::Damaged, |records| Frame::Whole(records, end))
}
