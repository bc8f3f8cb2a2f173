//! The contracts of sandbox chains, as compiled by `contracts/build.js`.

use alloy::hex;

/// A compiled contract of `contracts/src`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// A token that keeps its balances itself.
    LedgerToken,
    /// The view of the coin that pays for gas as a token with fewer decimals. Works on chains in this process only.
    NativeToken,
}

/// A committed artefact that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the artefact of {0:?} is damaged")]
pub struct DamagedArtefact(Contract);

impl Contract {
    const fn artefact(self) -> &'static str {
        match self {
            Contract::LedgerToken => include_str!("../../../contracts/artifacts/LedgerToken.json"),
            Contract::NativeToken => include_str!("../../../contracts/artifacts/NativeToken.json"),
        }
    }

    /// The code a transaction runs to create it. It takes no arguments; `initialize` sets it up.
    ///
    /// # Errors
    /// [`DamagedArtefact`]
    pub fn creation_code(self) -> Result<Vec<u8>, DamagedArtefact> {
        self.field("bytecode")
    }

    /// The code at its address.
    ///
    /// # Errors
    /// [`DamagedArtefact`]
    pub fn runtime_code(self) -> Result<Vec<u8>, DamagedArtefact> {
        self.field("deployedBytecode")
    }

    /// Says that this one is damaged.
    pub(crate) const fn damaged(self) -> DamagedArtefact {
        DamagedArtefact(self)
    }

    fn field(self, name: &str) -> Result<Vec<u8>, DamagedArtefact> {
        let artefact: Option<serde_json::Value> = serde_json::from_str(self.artefact()).ok();
        let code = artefact.as_ref().and_then(|artefact| artefact.get(name)?.as_str());
        code.and_then(|code| hex::decode(code).ok()).ok_or(DamagedArtefact(self))
    }
}
