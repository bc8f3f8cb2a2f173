//! The witness role: this instance cosigns checkpoints of other logs (c2sp.org/tlog-witness).
//!
//! The rules are in [`aegis_tlog::witness`]; here the state of each origin is read, judged and replaced in one
//! transaction, and only what is durable is answered. A cosignature is no entry of our own log: two instances
//! that witness each other would otherwise never come to rest, each one's checkpoint making the other's next.

use aegis_core::crypto::digest::Digest;
use aegis_core::moment::Moment;
use aegis_store::{Cause, Fault, Lane, Tx, Verdict};
use aegis_tlog::cosignature::Cosigner;
use aegis_tlog::note::VerifierKey;
use aegis_tlog::witness::{Accepted, AddCheckpoint, Seen, WitnessRefused};

use super::read;
use super::sql;
use crate::kernel::Kernel;
use crate::keyring::{KeyState, Keyring};

/// The purpose of the key that cosigns; it signs nothing else.
pub const WITNESS_KEY_PURPOSE: &str = "witness";

/// Which logs this instance cosigns, and under which name.
#[derive(Debug, Clone)]
pub struct Witnessing {
    name: String,
    logs: Vec<VerifierKey>,
}

impl Witnessing {
    /// A witness called `name` (a key name of c2sp.org/signed-note) for the logs with these keys.
    pub fn new(name: String, logs: Vec<VerifierKey>) -> Witnessing {
        Witnessing { name, logs }
    }

    /// The configured log whose origin has this SHA-256.
    pub fn origin_with(&self, hash: Digest) -> Option<&str> {
        self.logs.iter().map(VerifierKey::name).find(|origin| Digest::of(&[origin.as_bytes()]) == hash)
    }

    /// The line by which others know this witness. Makes its key if there is none.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn verifier(&self, kernel: &Kernel) -> Result<String, Fault> {
        let (name, working) = (self.name.clone(), kernel.clone());
        let lane = Lane::of(WITNESS_KEY_PURPOSE);
        let write = move |tx: &mut Tx<'_>| {
            let cosigner = cosigner(&working, tx, &name)?;
            Ok(Verdict::Commit(cosigner.verifier().to_string()))
        };
        kernel.parts().store.write(lane, write, |_| {}).await
    }
}

/// Judges an `add-checkpoint` request; the answer is the body of a 200: our signature line.
///
/// # Errors
/// Inside: [`WitnessRefused`], and nothing is remembered. Outside: faults of the store.
pub async fn add_checkpoint(
    kernel: &Kernel,
    witnessing: &Witnessing,
    body: &[u8],
) -> Result<Result<String, WitnessRefused>, Fault> {
    let request = match AddCheckpoint::parse(body) {
        Ok(request) => request,
        Err(refused) => return Ok(Err(refused)),
    };
    if !witnessing.logs.iter().any(|key| key.name() == request.origin()) {
        return Ok(Err(WitnessRefused::UnknownOrigin));
    }
    // One at a time: what was seen is read and replaced as one step, and the key is made once.
    let lane = Lane::of(WITNESS_KEY_PURPOSE);
    let (working, witnessing) = (kernel.clone(), witnessing.clone());
    let write = move |tx: &mut Tx<'_>| {
        let seen = read::find_witnessed(tx, request.origin())?;
        let seen = seen.map(|checkpoint| Seen { size: checkpoint.size, root: checkpoint.root });
        match request.decide(&witnessing.logs, seen) {
            Err(refused) => Ok(Verdict::Rollback(Err(refused))),
            Ok(accepted) => {
                cosign(&working, tx, &witnessing.name, accepted).map(|line| Verdict::Commit(Ok(line)))
            }
        }
    };
    kernel.parts().store.write(lane, write, |_| {}).await
}

/// Remembers an accepted checkpoint with our cosignature on it.
fn cosign(kernel: &Kernel, tx: &mut Tx<'_>, name: &str, accepted: Accepted) -> Result<String, Fault> {
    let Accepted { seen, checkpoint, mut note } = accepted;
    let cosignature = cosigner(kernel, tx, name)?.cosign(note.text(), kernel.now());
    let line = format!("{cosignature}\n");
    note.add(cosignature)
        .map_err(|error| Fault::Internal { what: "cosign a checkpoint", cause: Cause::new(error) })?;
    // The commit of this row is the point after which we never cosign a smaller or forked tree.
    sql::upsert_witnessed(tx, &checkpoint.origin, seen.size, &seen.root, &note.to_string())?;
    Ok(line)
}

/// The cosigning key; made when it is first needed.
fn cosigner(kernel: &Kernel, tx: &mut Tx<'_>, name: &str) -> Result<Cosigner, Fault> {
    let parts = kernel.parts();
    if Keyring::find_in_state(tx, WITNESS_KEY_PURPOSE, KeyState::Active)?.is_none() {
        let mut at = Moment::new(kernel.now(), parts.entropy.fork());
        parts.keyring.create(tx, &mut at, WITNESS_KEY_PURPOSE, KeyState::Active)?;
    }
    let signer = parts.keyring.signer(tx, WITNESS_KEY_PURPOSE)?;
    Cosigner::new(name, signer.key.as_ref().clone())
        .map_err(|error| Fault::Internal { what: "name the witness", cause: Cause::new(error) })
}

/// The newest checkpoint of `origin` that was cosigned here.
///
/// # Errors
/// Faults of the store.
pub fn find_cosigned(tx: &mut Tx<'_>, origin: &str) -> Result<Option<String>, Fault> {
    Ok(read::find_witnessed(tx, origin)?.map(|checkpoint| checkpoint.note))
}
