//! What goes wrong between us and a chain, and what each failure proves.
//!
//! The words of nodes differ; [`Refusal::read`] knows those of geth, its relatives, anvil and our own chain. A text it
//! does not know proves nothing, so that a new node can cost time and never money.

use alloy::rpc::json_rpc::{ErrorPayload, RpcError};
use alloy::transports::{TransportError, TransportErrorKind};

/// Why a chain could not be read. Nothing follows about what is on it.
#[derive(Debug, thiserror::Error)]
pub enum ChainFault {
    /// No node answered: connection, time, HTTP status, or an answer that is no JSON-RPC.
    #[error("no node of the chain answered")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A node answered with an error that is no revert.
    #[error("the node refused a request with code {code}")]
    Refused {
        /// The code of JSON-RPC.
        code: i64,
        /// The node's words; for the operator's log, not for clients.
        message: String,
    },
    /// The contract that was called reverted.
    #[error("the call reverted")]
    Reverted {
        /// What it returned; often an encoded reason.
        output: Vec<u8>,
    },
    /// The answer is not what the method promises.
    #[error("the node's answer makes no sense: {0}")]
    Nonsense(&'static str),
    /// The node is on another chain than the configuration says.
    #[error("the node is on chain {found}, the configuration says {expected}")]
    WrongChain {
        /// Chain id of the configuration.
        expected: u64,
        /// Chain id of the node.
        found: u64,
    },
    /// More was asked for than one request may ask.
    #[error("more than {max} blocks at once")]
    TooWide {
        /// Blocks that one request may span.
        max: u64,
    },
}

/// Why a node certainly did not take a transaction this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The account nonce is used on this chain: by these bytes earlier or by another transaction. Their receipts tell.
    NonceTooLow,
    /// The account nonce is further ahead than the node keeps transactions for.
    NonceTooHigh,
    /// Another transaction with this account nonce waits, and the fees do not exceed its fees by enough.
    ReplacementUnderpriced,
    /// The fee cap or the priority fee is below what the node accepts at present.
    Underpriced,
    /// The account cannot pay value and highest fee.
    InsufficientFunds,
    /// The gas limit is below what the transaction costs before it runs, or above what a block holds.
    GasLimit,
    /// The priority fee is above the fee cap.
    FeesInverted,
    /// Signed for another chain.
    WrongChain,
    /// The node has no room at present.
    PoolFull,
    /// The bytes are no transaction.
    Malformed,
}

impl Refusal {
    /// Reads a node's words; nothing if they are not known to mean that the transaction was not taken.
    pub fn read(message: &str) -> Option<Refusal> {
        const KNOWN: [(&str, Refusal); 24] = [
            ("nonce too low", Refusal::NonceTooLow),
            ("nonce is too low", Refusal::NonceTooLow),
            ("nonce too high", Refusal::NonceTooHigh),
            ("replacement transaction underpriced", Refusal::ReplacementUnderpriced),
            ("replacement fee too low", Refusal::ReplacementUnderpriced),
            ("priority fee per gas higher than max fee", Refusal::FeesInverted),
            ("tip higher than fee cap", Refusal::FeesInverted),
            ("max fee per gas less than block base fee", Refusal::Underpriced),
            ("transaction underpriced", Refusal::Underpriced),
            ("gas price below", Refusal::Underpriced),
            ("insufficient funds", Refusal::InsufficientFunds),
            ("insufficient balance", Refusal::InsufficientFunds),
            ("intrinsic gas too low", Refusal::GasLimit),
            ("gas limit too high", Refusal::GasLimit),
            ("exceeds block gas limit", Refusal::GasLimit),
            ("floor data gas", Refusal::GasLimit),
            ("invalid chain id", Refusal::WrongChain),
            ("chain id for signer", Refusal::WrongChain),
            ("txpool is full", Refusal::PoolFull),
            ("transaction pool is full", Refusal::PoolFull),
            ("failed to decode signed transaction", Refusal::Malformed),
            ("rlp: ", Refusal::Malformed),
            ("transaction type not supported", Refusal::Malformed),
            ("oversized data", Refusal::Malformed),
        ];
        let lower = message.to_ascii_lowercase();
        KNOWN.iter().find(|(words, _)| lower.contains(words)).map(|(_, refusal)| *refusal)
    }
}

/// Whether a node's words mean that it has these very bytes already, waiting or included.
pub(crate) fn says_known(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    ["already known", "already imported", "already in mempool"].iter().any(|words| lower.contains(words))
}

/// The error object a node answered with, if it answered.
pub(crate) const fn answered(error: &TransportError) -> Option<&ErrorPayload> {
    if let RpcError::ErrorResp(payload) = error { Some(payload) } else { None }
}

/// Whether the next node may know better: this one did not answer, or said that it is busy.
pub(crate) fn is_silence(error: &TransportError) -> bool {
    answered(error).is_none_or(ErrorPayload::is_retry_err)
}

impl From<TransportError> for ChainFault {
    fn from(error: TransportError) -> ChainFault {
        match error {
            RpcError::ErrorResp(payload) => {
                let reverted = payload.code == 3 || payload.message.contains("revert");
                if reverted {
                    let output = payload.as_revert_data().map(|data| data.to_vec()).unwrap_or_default();
                    return ChainFault::Reverted { output };
                }
                ChainFault::Refused { code: payload.code, message: payload.message.into_owned() }
            }
            RpcError::Transport(TransportErrorKind::HttpError(http)) => {
                // The body is the node's and may hold the address with its key: only the status is kept.
                ChainFault::Unreachable(format!("HTTP status {}", http.status).into())
            }
            RpcError::DeserError { .. } | RpcError::NullResp => ChainFault::Nonsense("not the promised type"),
            other @ (RpcError::UnsupportedFeature(_)
            | RpcError::LocalUsageError(_)
            | RpcError::SerError(_)
            | RpcError::Transport(_)) => ChainFault::Unreachable(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each node's words for the same refusal are understood, and unknown words prove nothing.
    #[test]
    fn words_of_nodes() {
        for (words, refusal) in [
            ("nonce too low: next nonce 5, tx nonce 4", Refusal::NonceTooLow),
            ("Insufficient funds for gas * price + value", Refusal::InsufficientFunds),
            ("replacement transaction underpriced", Refusal::ReplacementUnderpriced),
            ("transaction underpriced: gas tip cap 0, minimum needed 1", Refusal::Underpriced),
            ("max priority fee per gas higher than max fee per gas", Refusal::FeesInverted),
            ("intrinsic gas too low: have 1, want 21000", Refusal::GasLimit),
        ] {
            assert_eq!(Refusal::read(words), Some(refusal), "{words}");
        }
        assert_eq!(Refusal::read("internal error"), None);
        assert_eq!(Refusal::read("already known"), None);
        assert!(says_known("Already Known") && says_known("transaction already imported"));
        assert!(!says_known("unknown transaction type"), "an unknown type is not a known transaction");
    }
}
