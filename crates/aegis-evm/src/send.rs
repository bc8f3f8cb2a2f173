//! Presenting signed bytes to a chain, and what the answer proves.

use alloy::providers::Provider as _;
use alloy::rpc::json_rpc::ErrorPayload;
use alloy::transports::TransportError;

use crate::chain::Chain;
use crate::fault::{ChainFault, Refusal, answered, says_known};
use crate::transaction::SignedTransaction;

/// How presenting went.
#[derive(Debug)]
pub enum Presented {
    /// A node took the bytes now.
    Accepted,
    /// A node has these very bytes from an earlier time.
    AlreadyKnown,
    /// Every node that was asked certainly did not take them now. Earlier times are another matter: after
    /// [`Refusal::NonceTooLow`] the receipts tell whether these bytes or others used the account nonce.
    Refused(Refusal),
    /// No node could show that it is on the right chain, so nothing was sent.
    NotSent(ChainFault),
    /// Nobody knows whether the bytes arrived.
    Unknown(ChainFault),
}

impl Chain {
    /// Presents signed bytes to the nodes in order until one has them. May be called again with the same bytes at any
    /// time. The bytes and their submit marker must be durable before: what a node has is not taken back.
    pub async fn present(&self, signed: &SignedTransaction) -> Presented {
        let (nodes, unverified) = self.verified_nodes().await;
        let mut outcome = Presented::NotSent(unverified.unwrap_or(ChainFault::Nonsense("no node")));
        for node in nodes {
            let judged = match node.send_raw_transaction(signed.bytes()).await {
                Ok(_) => Presented::Accepted,
                Err(error) => judge(error),
            };
            match judged {
                Presented::Accepted | Presented::AlreadyKnown => return judged,
                // After a lost answer no other node's refusal proves that the first did not take the bytes.
                Presented::Refused(_) if matches!(outcome, Presented::Unknown(_)) => {}
                Presented::Refused(_) | Presented::Unknown(_) | Presented::NotSent(_) => outcome = judged,
            }
        }
        outcome
    }
}

fn judge(error: TransportError) -> Presented {
    match answered(&error).map(|payload: &ErrorPayload| payload.message.as_ref()) {
        Some(words) if says_known(words) => Presented::AlreadyKnown,
        Some(words) => {
            Refusal::read(words).map_or_else(|| Presented::Unknown(error.into()), Presented::Refused)
        }
        None => Presented::Unknown(error.into()),
    }
}
