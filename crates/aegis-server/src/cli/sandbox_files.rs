//! Files a sandbox makes for itself in its data directory, readable by their owner alone.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aegis_core::encoding::to_hex;
use aegis_kernel::os_entropy::EntropySource;

/// Makes the data directory and, if there is none yet, the key-encryption key in it.
///
/// # Errors
/// When the directory or the file cannot be made.
pub(crate) fn prepare(data: &Path, kek_file: &Path, entropy: &EntropySource) -> std::io::Result<()> {
    std::fs::create_dir_all(data)?;
    match create_private(kek_file, format!("{}\n", to_hex(&entropy.fork().bytes::<32>())).as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}

/// Writes a new file that only its owner may read; never replaces one.
///
/// # Errors
/// When it exists or cannot be written.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
