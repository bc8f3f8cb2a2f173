//! What a chain shows of an artefact, and what it proves. Proof is final: it rests on blocks that cannot vanish.

use aegis_wallet::address::{Address, TxHash};
use aegis_wallet::evidence::Evidence;
use aegis_wallet::reconcile::Sight;
use alloy::consensus::Transaction as _;
use alloy::eips::BlockNumberOrTag;
use alloy::network::primitives::TransactionResponse as _;
use alloy::primitives::B256;
use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;

use crate::chain::Chain;
use crate::convert::{hash_from_chain, hash_to_chain, to_chain};
use crate::deposit::LOG_BLOCKS_MAX;
use crate::fault::ChainFault;
use crate::finality::At;
use crate::token::Erc20;

/// Blocks that one look may search for a stranger's transaction.
pub const SEARCH_BLOCKS_MAX: u64 = 512;
/// Requests for logs that one look may make.
const LOG_REQUESTS_MAX: u64 = 64;

/// All transactions of one account nonce that were signed: at most one of them is ever included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentTransaction {
    /// Whose.
    pub account: Address,
    /// Its account nonce.
    pub account_nonce: u64,
    /// The artefact and its replacements, which do the same.
    pub artefacts: Vec<TxHash>,
    /// Self-transfers that were to take its place.
    pub displacements: Vec<TxHash>,
    /// The final height when the artefact was signed: it is in no earlier block.
    pub since: u64,
}

/// A signed EIP-3009 authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentAuthorization {
    /// The token contract.
    pub token: Address,
    /// Who signed.
    pub authorizer: Address,
    /// Its nonce.
    pub nonce: [u8; 32],
    /// Its `validBefore`.
    pub valid_before: u64,
    /// The final height when it was signed: it is used in no earlier block.
    pub since: u64,
}

impl Chain {
    /// Looks at a transaction. A fault means [`Sight::Unreadable`]. A displacement that is included and not final is
    /// [`Sight::Included`], too: there is nothing to do but to wait which of them stays.
    ///
    /// # Errors
    /// [`ChainFault`]; too wide if a stranger's transaction used the account nonce and must be searched for in more than
    /// [`SEARCH_BLOCKS_MAX`] blocks.
    pub async fn look_at_transaction(&self, sent: &SentTransaction) -> Result<Sight, ChainFault> {
        // The final height comes first: whatever is found afterwards at or below it stays.
        let final_height = self.final_height().await?;
        let mut included = false;
        for (hash, own) in hashes(sent) {
            let Some(receipt) = self.receipt(hash).await? else { continue };
            if receipt.height <= final_height {
                return Ok(Sight::Proven(match (own, receipt.succeeded) {
                    (true, true) => Evidence::Included(hash),
                    (true, false) => Evidence::Reverted(hash),
                    (false, _) => Evidence::Displaced(hash),
                }));
            }
            included = true;
        }
        if included {
            return Ok(Sight::Included);
        }
        if self.account_nonce(sent.account, At::Height(final_height)).await? > sent.account_nonce {
            let Some(hash) = self.find_by_nonce(sent, final_height).await? else {
                return Err(ChainFault::Nonsense("an account nonce was used by no transaction"));
            };
            // One of ours after all, seen by one node and not by another: the next look has its receipt.
            let ours = hashes(sent).any(|(own, _)| own == hash);
            return Ok(if ours { Sight::Included } else { Sight::Proven(Evidence::Displaced(hash)) });
        }
        for (hash, _) in hashes(sent) {
            let hash = hash_to_chain(hash);
            let found = self.ask(move |node| async move { node.get_transaction_by_hash(hash).await }).await?;
            if let Some(found) = found {
                return Ok(if found.block_number.is_some() { Sight::Included } else { Sight::Pending });
            }
        }
        Ok(Sight::Absent)
    }

    /// Searches for the transaction that used the account nonce, from the final height down.
    async fn find_by_nonce(
        &self,
        sent: &SentTransaction,
        final_height: u64,
    ) -> Result<Option<TxHash>, ChainFault> {
        if final_height.saturating_sub(sent.since) >= SEARCH_BLOCKS_MAX {
            return Err(ChainFault::TooWide { max: SEARCH_BLOCKS_MAX });
        }
        let account = to_chain(sent.account);
        for height in (sent.since..=final_height).rev() {
            let number = BlockNumberOrTag::Number(height);
            let block =
                self.ask(move |node| async move { node.get_block_by_number(number).full().await }).await?;
            let block = block.ok_or(ChainFault::Nonsense("a block below the head is missing"))?;
            let transactions = block.transactions.as_transactions().unwrap_or_default();
            let found = transactions
                .iter()
                .find(|found| found.from() == account && (**found).nonce() == sent.account_nonce);
            if let Some(found) = found {
                return Ok(Some(hash_from_chain(found.tx_hash())));
            }
        }
        Ok(None)
    }

    /// Looks at a payment authorization. A fault means [`Sight::Unreadable`]. Nobody sees one waiting: it is absent until
    /// it is used.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn look_at_authorization(&self, sent: &SentAuthorization) -> Result<Sight, ChainFault> {
        let final_height = self.final_height().await?;
        let used = |at| self.authorization_used(sent.token, sent.authorizer, sent.nonce, at);
        if used(At::Height(final_height)).await? {
            return self.find_authorization(sent, final_height).await.map(Sight::Proven);
        }
        let seconds = self.block_seconds(final_height).await?;
        let seconds = seconds.ok_or(ChainFault::Nonsense("the final block is missing"))?;
        if seconds > sent.valid_before {
            // Times of blocks never fall, so no later block can use it either.
            return Ok(Sight::Proven(Evidence::AuthorizationLapsed(final_height)));
        }
        Ok(if used(At::Head).await? { Sight::Included } else { Sight::Absent })
    }

    async fn find_authorization(
        &self,
        sent: &SentAuthorization,
        final_height: u64,
    ) -> Result<Evidence, ChainFault> {
        let filter = Filter::new()
            .address(to_chain(sent.token))
            .event_signature(vec![
                Erc20::AuthorizationUsed::SIGNATURE_HASH,
                Erc20::AuthorizationCanceled::SIGNATURE_HASH,
            ])
            .topic1(to_chain(sent.authorizer).into_word())
            .topic2(B256::new(sent.nonce));
        let mut from = sent.since;
        for _ in 0..LOG_REQUESTS_MAX {
            if from > final_height {
                break;
            }
            let to = from.saturating_add(LOG_BLOCKS_MAX.saturating_sub(1)).min(final_height);
            if let Some(log) = self.logs(filter.clone(), from, to).await?.into_iter().next() {
                let hash = log.transaction_hash.map(hash_from_chain);
                let hash = hash.ok_or(ChainFault::Nonsense("a log without its transaction"))?;
                let used = log.topic0() == Some(&Erc20::AuthorizationUsed::SIGNATURE_HASH);
                return Ok(if used {
                    Evidence::AuthorizationUsed(hash)
                } else {
                    Evidence::AuthorizationCancelled(hash)
                });
            }
            from = to.saturating_add(1);
        }
        Err(ChainFault::Nonsense("an authorization was used and no log says so"))
    }
}

/// Every hash, and whether it is the artefact's own effect.
fn hashes(sent: &SentTransaction) -> impl Iterator<Item = (TxHash, bool)> {
    let own = sent.artefacts.iter().map(|hash| (*hash, true));
    own.chain(sent.displacements.iter().map(|hash| (*hash, false)))
}
