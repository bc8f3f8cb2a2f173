//! Secrets that live in files of their own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aegis_core::encoding::from_hex;
use aegis_core::secret::Secret;

/// Why a secret could not be read. Never contains any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileFault {
    /// The file is missing or cannot be opened.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Others than its owner may read it.
    #[error("{} can be read by other users; run chmod 600 on it", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// The content is not of the expected form.
    #[error("{} must contain {expected}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it should contain.
        expected: &'static str,
    },
}

/// The text of a file that only its owner may read, without the line feed at its end.
///
/// # Errors
/// If it cannot be read, is no text, or others may read it.
pub fn read_secret(path: &Path) -> Result<Secret<String>, SecretFileFault> {
    let unreadable = |source| SecretFileFault::Unreadable { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(SecretFileFault::Exposed { path: path.to_owned() });
    }
    let mut text = std::fs::read_to_string(path).map_err(unreadable)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(Secret::new(text))
}

/// The key-encryption key in the file at `path`.
///
/// # Errors
/// As [`read_secret`], and if it is not 64 hexadecimal characters.
pub fn read_kek(path: &Path) -> Result<Secret<[u8; 32]>, SecretFileFault> {
    let text = read_secret(path)?;
    let expected = "64 hexadecimal characters in lower case";
    let malformed = || SecretFileFault::Malformed { path: path.to_owned(), expected };
    from_hex(text.expose()).map(Secret::new).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    /// A key is read only from a private file of the right form.
    #[test]
    fn reads_private_keys_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        std::fs::write(&path, format!("{}\n", "0a".repeat(32))).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_kek(&path), Err(SecretFileFault::Exposed { .. })));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_kek(&path).unwrap().expose(), &[10; 32]);
        std::fs::write(&path, "hunter2").unwrap();
        let message = read_kek(&path).unwrap_err().to_string();
        assert!(message.contains("64 hexadecimal") && !message.contains("hunter2"));
        assert!(matches!(read_kek(&folder.path().join("none")), Err(SecretFileFault::Unreadable { .. })));
    }
}
