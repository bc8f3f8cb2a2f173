//! Deposits: what others sent to addresses of ours.

use aegis_wallet::address::{Address, TxHash};
use aegis_wallet::amount::Atoms;
use alloy::network::primitives::ReceiptResponse as _;
use alloy::primitives::{B256, U256};
use alloy::providers::Provider as _;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent as _;

use crate::chain::Chain;
use crate::convert::{atoms, from_chain, hash_from_chain, to_chain};
use crate::fault::ChainFault;
use crate::token::Erc20;

/// Blocks one request for logs may span: what public nodes allow at least.
pub const LOG_BLOCKS_MAX: u64 = 2_000;
/// Addresses in one request for logs; more are asked for in several.
const OWNERS_MAX: usize = 200;

/// An ERC-20 transfer to an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deposit {
    /// The token contract.
    pub token: Address,
    /// Who paid; the zero address if the units were made.
    pub from: Address,
    /// Who received.
    pub to: Address,
    /// How much, in units of the contract.
    pub amount: Atoms,
    /// In which transaction.
    pub transaction: TxHash,
    /// Which of the block's logs: with the transaction, the name of this deposit.
    pub log_index: u64,
    /// In which block.
    pub height: u64,
}

impl Chain {
    /// Transfers of `tokens` to `owners` in the blocks `from..=to`, in the chain's order. Ask up to the final height: what
    /// is above it can still vanish. On a chain whose gas is paid in USDC, a plain payment of that coin leaves no log and
    /// is not found.
    ///
    /// # Errors
    /// [`ChainFault::TooWide`] for more than [`LOG_BLOCKS_MAX`] blocks, or another fault.
    pub async fn deposits(
        &self,
        tokens: &[Address],
        owners: &[Address],
        from: u64,
        to: u64,
    ) -> Result<Vec<Deposit>, ChainFault> {
        let mut found = Vec::new();
        if tokens.is_empty() || owners.is_empty() || from > to {
            return Ok(found);
        }
        for owners in owners.chunks(OWNERS_MAX) {
            let filter = Filter::new()
                .address(tokens.iter().copied().map(to_chain).collect::<Vec<_>>())
                .event_signature(Erc20::Transfer::SIGNATURE_HASH)
                .topic2(owners.iter().map(|owner| to_chain(*owner).into_word()).collect::<Vec<B256>>());
            for log in self.logs(filter, from, to).await? {
                found.push(deposit(&log).ok_or(ChainFault::Nonsense("a transfer that is none"))?);
            }
        }
        found.sort_by_key(|deposit| (deposit.height, deposit.log_index));
        Ok(found)
    }

    /// Logs of at most [`LOG_BLOCKS_MAX`] blocks.
    pub(crate) async fn logs(&self, filter: Filter, from: u64, to: u64) -> Result<Vec<Log>, ChainFault> {
        if to.saturating_sub(from) >= LOG_BLOCKS_MAX {
            return Err(ChainFault::TooWide { max: LOG_BLOCKS_MAX });
        }
        let filter = filter.from_block(from).to_block(to);
        self.ask(move |node| {
            let filter = filter.clone();
            async move { node.get_logs(&filter).await }
        })
        .await
    }

    /// The receipt of a transaction, if it is included in the node's present chain.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn receipt(&self, hash: TxHash) -> Result<Option<Receipt>, ChainFault> {
        let hash = crate::convert::hash_to_chain(hash);
        let found = self.ask(move |node| async move { node.get_transaction_receipt(hash).await }).await?;
        let Some(found) = found else { return Ok(None) };
        // A node may show what it expects of a waiting transaction: without a block it is no receipt.
        let Some(height) = found.block_number() else { return Ok(None) };
        let gas = Atoms::new(found.effective_gas_price()).checked_times(found.gas_used());
        // Rollups of the OP Stack charge for the data they publish, in a field of their own.
        let published = found.other.get_deserialized::<U256>("l1Fee").and_then(Result::ok).map(atoms);
        let fee = gas.and_then(|gas| gas.checked_add(published.unwrap_or(Atoms::ZERO)));
        Ok(Some(Receipt {
            transaction: hash_from_chain(found.transaction_hash()),
            height,
            succeeded: found.status(),
            gas_used: found.gas_used(),
            fee: fee.ok_or(ChainFault::Nonsense("a fee beyond all numbers"))?,
        }))
    }
}

/// What a chain says about an included transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Which.
    pub transaction: TxHash,
    /// In which block.
    pub height: u64,
    /// Whether it took effect; otherwise it was reverted and cost its fee.
    pub succeeded: bool,
    /// Gas it used.
    pub gas_used: u64,
    /// What that cost, in the smallest unit of the coin that pays for gas; with the `l1Fee` of rollups that have one.
    pub fee: Atoms,
}

fn deposit(log: &Log) -> Option<Deposit> {
    let event = log.log_decode_validate::<Erc20::Transfer>().ok()?;
    Some(Deposit {
        token: from_chain(event.inner.address),
        from: from_chain(event.inner.data.from),
        to: from_chain(event.inner.data.to),
        amount: atoms(event.inner.data.value),
        transaction: hash_from_chain(log.transaction_hash?),
        log_index: log.log_index?,
        height: log.block_number?,
    })
}
