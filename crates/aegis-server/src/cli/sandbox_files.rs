//! Files a sandbox makes for itself in its data directory, readable by their owner alone.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aegis_core::encoding::to_hex;
use aegis_kernel::os_entropy::EntropySource;

use super::complaint::Complaint;
use super::running::explain;
use crate::account::{SampleOrganization, SandboxCredentials, seed_sandbox};
use crate::app::App;
use crate::config::Config;

/// The file in which a sandbox keeps its keys for the people who try it.
pub(crate) const SANDBOX_FILE: &str = "sandbox.json";

/// The sample organizations of a sandbox, as far as they can still be shown.
#[derive(Debug)]
pub(crate) enum Sandbox {
    /// They were made just now; their keys are in the file.
    New(PathBuf, SandboxCredentials),
    /// Their keys are in the file.
    Kept(PathBuf),
    /// The file is gone, and nobody can be shown the keys again.
    Lost(PathBuf),
}

/// Makes the data directory and, if there is none yet, the key-encryption key in it.
///
/// # Errors
/// When the directory or the file cannot be made.
pub(crate) fn prepare(data: &Path, kek_file: &Path, entropy: &EntropySource) -> io::Result<()> {
    std::fs::create_dir_all(data)?;
    match create_private(kek_file, format!("{}\n", to_hex(&entropy.fork().bytes::<32>())).as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}

/// Makes the sample organizations of a new sandbox and writes their keys down. The database keeps the sealed
/// answer of the seeding for a day, so a crash between the two costs nothing: the next start is told the
/// same keys and writes the file.
pub(crate) async fn seed(app: &App, config: &Config) -> Result<Sandbox, Complaint> {
    let path = config.data.join(SANDBOX_FILE);
    let seeded = seed_sandbox(&app.kernel).await.map_err(|fault| Complaint::refused(explain(&fault)))?;
    let Some(credentials) = seeded else {
        return Ok(if path.exists() { Sandbox::Kept(path) } else { Sandbox::Lost(path) });
    };
    let content = format!("{:#}\n", document(app, &credentials));
    match std::fs::read_to_string(&path) {
        Ok(written) if written.contains(credentials.admin_key.reveal()) => return Ok(Sandbox::Kept(path)),
        Ok(_) | Err(_) => {}
    }
    replace_private(&path, content.as_bytes())
        .map_err(|error| Complaint::refused(format!("cannot write {}: {error}", path.display())))?;
    Ok(Sandbox::New(path, credentials))
}

fn document(app: &App, credentials: &SandboxCredentials) -> serde_json::Value {
    let sample = |sample: &SampleOrganization| serde_json::json!({ "id": sample.id, "apiKey": sample.api_key.reveal() });
    serde_json::json!({
        "baseUrl": app.origin.as_ref(),
        "adminKey": credentials.admin_key.reveal(),
        "operator": sample(&credentials.operator),
        "provider": sample(&credentials.provider),
        "consumer": sample(&credentials.consumer),
    })
}

/// Writes a new file that only its owner may read; never replaces one.
///
/// # Errors
/// When it exists or cannot be written.
fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Puts a file that only its owner may read in the place of whatever is there, whole or not at all.
///
/// # Errors
/// When it cannot be written; what was there is then still there.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    replace(path, content, 0o600)
}

/// Puts a file in the place of whatever is there, whole or not at all, with the rights `mode`.
///
/// # Errors
/// When it cannot be written; what was there is then still there.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The name is durable once its directory is.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    std::fs::File::open(directory.unwrap_or_else(|| Path::new("."))).and_then(|folder| folder.sync_all())
}
