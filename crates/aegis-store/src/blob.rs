//! Sealed blobs beside the database.
//!
//! The order that keeps database and blobs together is the caller's: write the blob under a fresh random key, commit the
//! reference, collect what nothing refers to later. This module knows neither what the bytes mean nor who may read them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Fault;
use crate::fault::Cause;
use crate::stop::stop_the_process;

/// Bytes in one key: a file name's limit with room for the suffix.
pub const KEY_BYTES_MAX: usize = 200;

/// Blob files end in this; a dot cannot stand in a key, so `a` and `a/b` may both exist.
const SUFFIX: &str = ".blob";

/// Half-written blobs stand here until they are renamed; a dot again, so no key can name it.
const INCOMING: &str = ".incoming";

/// Where blobs are kept. Clones share the place.
#[derive(Clone)]
pub enum Blobs {
    /// Files below a directory of a local disk.
    Directory(Directory),
    /// In this process only, for tests.
    Memory(Memory),
}

/// The state of [`Blobs::Directory`].
#[derive(Clone)]
pub struct Directory {
    root: Arc<PathBuf>,
    written: Arc<AtomicU64>,
}

/// The state of [`Blobs::Memory`].
#[derive(Clone, Default)]
pub struct Memory {
    blobs: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Blobs {
    /// Uses the directory at `root`, creating it if needed and clearing away what an interrupted `put` left. Blocks.
    ///
    /// # Errors
    ///
    /// [`Fault::Unavailable`] if the directory cannot be created or read.
    pub fn directory(root: impl Into<PathBuf>) -> Result<Blobs, Fault> {
        Directory::open(root.into())
            .map(Blobs::Directory)
            .map_err(|error| unavailable("open the blob directory", error))
    }

    /// Starts empty and forgets everything at the end.
    pub fn memory() -> Blobs {
        Blobs::Memory(Memory::default())
    }

    /// Stores `bytes` under `key`, replacing what was there; durable and complete on return, or not there at all.
    ///
    /// # Errors
    ///
    /// [`Fault::Internal`] for a key that is not made of `a-z`, `0-9`, `_`, `-` and single inner `/`; [`Fault::DiskFull`];
    /// [`Fault::Unavailable`] if the disk refuses.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        let key = checked(key)?;
        match self {
            Blobs::Directory(directory) => {
                let directory = directory.clone();
                blocking("write a blob", move || directory.put(&key, &bytes)).await
            }
            Blobs::Memory(memory) => {
                memory.with(|blobs| drop(blobs.insert(key, bytes)));
                Ok(())
            }
        }
    }

    /// The bytes under `key`, if any.
    ///
    /// # Errors
    ///
    /// As [`Blobs::put`].
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let key = checked(key)?;
        match self {
            Blobs::Directory(directory) => {
                let path = directory.path(&key);
                blocking("read a blob", move || present(fs::read(path))).await
            }
            Blobs::Memory(memory) => Ok(memory.with(|blobs| blobs.get(&key).cloned())),
        }
    }

    /// Removes `key` durably and says whether it was there.
    ///
    /// # Errors
    ///
    /// As [`Blobs::put`].
    pub async fn delete(&self, key: &str) -> Result<bool, Fault> {
        let key = checked(key)?;
        match self {
            Blobs::Directory(directory) => {
                let path = directory.path(&key);
                blocking("delete a blob", move || remove(&path)).await
            }
            Blobs::Memory(memory) => Ok(memory.with(|blobs| blobs.remove(&key).is_some())),
        }
    }

    /// Whether there is a blob under `key`.
    ///
    /// # Errors
    ///
    /// As [`Blobs::put`].
    pub async fn exists(&self, key: &str) -> Result<bool, Fault> {
        let key = checked(key)?;
        match self {
            Blobs::Directory(directory) => {
                let path = directory.path(&key);
                blocking("look for a blob", move || present(fs::metadata(path)).map(|found| found.is_some()))
                    .await
            }
            Blobs::Memory(memory) => Ok(memory.with(|blobs| blobs.contains_key(&key))),
        }
    }

    /// All keys that begin with `prefix`, in ascending order; all keys for the empty prefix.
    ///
    /// # Errors
    ///
    /// As [`Blobs::put`]; the prefix may also end in `/`.
    pub async fn list_prefix(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let trimmed = prefix.strip_suffix('/').unwrap_or(prefix);
        if !trimmed.is_empty() {
            checked(trimmed)?;
        }
        let prefix = prefix.to_owned();
        match self {
            Blobs::Directory(directory) => {
                let directory = directory.clone();
                blocking("list blobs", move || directory.list(&prefix)).await
            }
            Blobs::Memory(memory) => {
                Ok(memory
                    .with(|blobs| blobs.keys().filter(|key| key.starts_with(&prefix)).cloned().collect()))
            }
        }
    }
}

impl Memory {
    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
        change(&mut self.blobs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Directory {
    fn open(root: PathBuf) -> io::Result<Directory> {
        let incoming = root.join(INCOMING);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&incoming)?;
        for leftover in fs::read_dir(&incoming)? {
            fs::remove_file(leftover?.path())?;
        }
        Ok(Directory { root: Arc::new(root), written: Arc::default() })
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(format!("{key}{SUFFIX}"))
    }

    fn put(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let incoming = self.root.join(INCOMING).join(format!("{}-{number}", std::process::id()));
        let target = self.path(key);
        let written = write_durably(&incoming, bytes)
            .and_then(|()| self.ensure_parents(key))
            .and_then(|()| fs::rename(&incoming, &target));
        if let Err(error) = written {
            // Nothing refers to the half-written file; a failure to remove it is cleared away at the next start.
            drop(fs::remove_file(&incoming));
            return Err(error);
        }
        sync_parent(&target)
    }

    /// Creates the directories of `key` one by one, each made durable in its parent.
    fn ensure_parents(&self, key: &str) -> io::Result<()> {
        let Some((parents, _)) = key.rsplit_once('/') else { return Ok(()) };
        let mut path = self.root.as_ref().clone();
        for name in parents.split('/') {
            path.push(name);
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => sync_parent(&path)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        // Only the last part of the prefix may be a piece of a name; what stands before it are whole directories.
        let start = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        let mut keys = Vec::new();
        let mut pending = vec![start.to_owned()];
        while let Some(directory) = pending.pop() {
            let Some(entries) = present(fs::read_dir(self.root.join(&directory)))? else { continue };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
                let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
                if entry.file_type()?.is_dir() {
                    pending.push(path);
                } else if let Some(key) = path.strip_suffix(SUFFIX).filter(|key| key.starts_with(prefix)) {
                    keys.push(key.to_owned());
                }
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

/// Writes a file that nobody refers to yet. A failed sync is harmless here: the file is thrown away and never trusted.
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<bool> {
    if present(fs::remove_file(path))?.is_none() {
        return Ok(false);
    }
    sync_parent(path)?;
    Ok(true)
}

/// Makes a rename, creation or removal durable. If the disk refuses, nobody can say which state a restart will find.
fn sync_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if let Err(error) = File::open(parent)?.sync_all() {
        stop_the_process("the disk refused to make a blob durable", &error);
    }
    Ok(())
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn checked(key: &str) -> Result<String, Fault> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'_' | b'-');
    let well_formed = !key.is_empty()
        && key.len() <= KEY_BYTES_MAX
        && key.bytes().all(allowed)
        && key.split('/').all(|part| !part.is_empty());
    if well_formed {
        return Ok(key.to_owned());
    }
    Err(Fault::internal("name a blob", "a blob key is made of a-z, 0-9, _, - and single inner slashes"))
}

async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| unavailable(what, error)),
        Err(error) => Err(Fault::Unavailable { what, cause: Cause::new(error) }),
    }
}

fn unavailable(what: &'static str, error: io::Error) -> Fault {
    let kind = error.kind();
    if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        return Fault::DiskFull;
    }
    if kind == ErrorKind::ReadOnlyFilesystem {
        return Fault::ReadOnly;
    }
    Fault::Unavailable { what, cause: Cause::new(error) }
}
