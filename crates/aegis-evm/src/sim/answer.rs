//! The JSON-RPC requests that the chain in process answers: those this crate sends, with the words of geth.

use alloy::consensus::transaction::Recovered;
use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, B256, Bytes, U64, U256};
use alloy::rpc::json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy::rpc::types::{
    Block as ShownBlock, BlockTransactions, FeeHistory, Filter, FilterBlockOption, Header as ShownHeader,
    Log as ShownLog, Transaction as ShownTransaction, TransactionReceipt, TransactionRequest,
};
use alloy::transports::{TransportError, TransportErrorKind};
use revm::context::TxEnv;
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::block::{Block, Included};
use super::execute::{Executed, call};
use super::machine::BLOCK_GAS;
use super::pool::Waiting;
use super::state::View;
use super::switch::SimSwitch;
use super::{Inner, Orders, Pace, SimChain};

/// Blocks whose fees one request may ask for.
const FEE_BLOCKS_MAX: u64 = 128;
/// Priority fee of a block without transactions.
const IDLE_TIP: u128 = 1_000_000;
/// Logs one answer may hold.
const LOGS_MAX: usize = 10_000;

type Answer = Result<Value, ErrorPayload>;

impl SimChain {
    /// The method's result, or an error as a node words it. Nothing comes back where a fault on order loses the request
    /// or its answer.
    fn answer(&self, method: &str, params: &[Value]) -> Option<Answer> {
        let pace = self.settings.pace;
        let answered = self.change(|inner, seconds| {
            if inner.switches.trips(SimSwitch::Silence) {
                return Ok(None);
            }
            if method == "eth_sendRawTransaction" {
                return send(inner, params, seconds, pace);
            }
            Ok(Some(read(inner, method, params, seconds)))
        });
        // A chain that stopped is a node that does not answer.
        answered.unwrap_or_default()
    }

    pub(crate) fn answer_packet(&self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        match packet {
            RequestPacket::Single(request) => self.answer_one(&request).map(ResponsePacket::Single),
            RequestPacket::Batch(requests) => requests
                .iter()
                .map(|request| self.answer_one(request))
                .collect::<Result<_, _>>()
                .map(ResponsePacket::Batch),
        }
    }

    fn answer_one(&self, request: &SerializedRequest) -> Result<Response, TransportError> {
        let params = request.params().map_or(Ok(Vec::new()), |params| serde_json::from_str(params.get()));
        let answered = match params {
            Ok(params) => self.answer(request.method(), &params),
            Err(_) => Some(Err(ErrorPayload::invalid_params())),
        };
        let payload = match answered {
            None => return Err(TransportErrorKind::custom_str("the answer was lost on order")),
            Some(Ok(value)) => {
                ResponsePayload::Success(to_raw_value(&value).map_err(TransportErrorKind::custom)?)
            }
            Some(Err(error)) => ResponsePayload::Failure(error),
        };
        Ok(Response { id: request.id().clone(), payload })
    }
}

fn send(
    inner: &mut Inner,
    params: &[Value],
    seconds: u64,
    pace: Pace,
) -> Result<Option<Answer>, super::SimFault> {
    let Some(bytes) = param::<Bytes>(params, 0) else { return Ok(Some(Err(ErrorPayload::invalid_params()))) };
    if inner.switches.trips(SimSwitch::LoseRequest) {
        return Ok(None);
    }
    let taken = inner.submit(&bytes, seconds, pace, Orders::Followed)?;
    if inner.switches.trips(SimSwitch::LoseAnswer) {
        return Ok(None);
    }
    Ok(Some(match taken {
        Ok(hash) => shown(hash),
        Err(words) => Err(refusal(words)),
    }))
}

fn read(inner: &mut Inner, method: &str, params: &[Value], seconds: u64) -> Answer {
    let machine = &inner.machine;
    match method {
        "eth_chainId" => shown(U64::from(machine.constants.chain_id)),
        "net_version" => shown(machine.constants.chain_id.to_string()),
        "eth_blockNumber" => shown(U64::from(machine.height())),
        "eth_gasPrice" => shown(U256::from(machine.next_base_fee()).saturating_add(U256::from(IDLE_TIP))),
        "eth_maxPriorityFeePerGas" => shown(U256::from(IDLE_TIP)),
        "eth_feeHistory" => fee_history(inner, params),
        "eth_getBlockByNumber" => {
            let tag = required::<BlockNumberOrTag>(params, 0)?;
            let found = machine.blocks.at(inner.height_of(tag));
            found.map_or(Ok(Value::Null), |block| shown(show_block(block, full(params))))
        }
        "eth_getBlockByHash" => {
            let found = machine.blocks.by_hash(required(params, 0)?);
            found.map_or(Ok(Value::Null), |block| shown(show_block(block, full(params))))
        }
        "eth_getTransactionByHash" => shown(inner.transaction(required(params, 0)?)),
        "eth_getTransactionReceipt" => {
            if inner.switches.trips(SimSwitch::HideReceipt) {
                return Ok(Value::Null);
            }
            shown(inner.receipt(required(params, 0)?))
        }
        "eth_getLogs" => inner.logs(&required::<Filter>(params, 0)?),
        "eth_getTransactionCount" => inner.count(required(params, 0)?, params),
        "eth_getBalance" => {
            let address = required::<Address>(params, 0)?;
            let view = inner.view(params, 1)?;
            shown(view.account(address).map_or(U256::ZERO, |account| account.balance))
        }
        "eth_getCode" => {
            let address = required::<Address>(params, 0)?;
            let view = inner.view(params, 1)?;
            shown(
                view.account(address)
                    .map_or(Bytes::new(), |account| view.code(account.code_hash).original_bytes()),
            )
        }
        "eth_getStorageAt" => {
            let (address, slot) = (required::<Address>(params, 0)?, required::<U256>(params, 1)?);
            shown(B256::from(inner.view(params, 2)?.slot(address, slot)))
        }
        "eth_call" => {
            let done = inner.run(params, seconds, BLOCK_GAS)?;
            if done.succeeded { shown(done.output) } else { Err(reverted(&done.output)) }
        }
        "eth_estimateGas" => inner.estimate(params, seconds),
        _ => Err(ErrorPayload::method_not_found()),
    }
}

impl Inner {
    fn height_of(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => self.machine.height(),
            BlockNumberOrTag::Safe => self.machine.safe_height(),
            BlockNumberOrTag::Finalized => self.machine.final_height(),
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Number(height) => height,
        }
    }

    /// The state that parameter `index` names; that after the newest block if it is absent.
    fn view(&self, params: &[Value], index: usize) -> Result<View<'_>, ErrorPayload> {
        let id = param::<BlockId>(params, index).unwrap_or(BlockId::latest());
        let height = match id {
            BlockId::Number(tag) => Some(self.height_of(tag)),
            BlockId::Hash(hash) => {
                self.machine.blocks.by_hash(hash.block_hash).map(|block| block.header.number)
            }
        };
        let view = height.and_then(|height| self.machine.at(height));
        view.ok_or_else(|| refusal("header not found, or its state is no longer kept"))
    }

    fn count(&self, address: Address, params: &[Value]) -> Answer {
        let included = self.view(params, 1)?.account(address).map_or(0, |account| account.nonce);
        let pending = param::<BlockId>(params, 1) == Some(BlockId::pending());
        let next = if pending { self.machine.pool.next_nonce(address, included) } else { included };
        shown(U64::from(next))
    }

    fn run(&self, params: &[Value], seconds: u64, gas: u64) -> Result<Executed, ErrorPayload> {
        let request = required::<TransactionRequest>(params, 0)?;
        let view = self.view(params, 1)?;
        let around = self.machine.next_around(seconds);
        let transaction = TxEnv {
            caller: request.from.unwrap_or_default(),
            kind: request.to.unwrap_or_default(),
            value: request.value.unwrap_or_default(),
            data: request.input.input().cloned().unwrap_or_default(),
            gas_limit: request.gas.unwrap_or(gas).min(gas),
            ..TxEnv::default()
        };
        call(&view, &around, transaction).map_err(|refused| refusal(&refused.0))
    }

    /// The least gas with which a call succeeds, found by halving.
    fn estimate(&self, params: &[Value], seconds: u64) -> Answer {
        let most = self.run(params, seconds, BLOCK_GAS)?;
        if !most.succeeded {
            return Err(reverted(&most.output));
        }
        let suffices = |gas| self.run(params, seconds, gas).is_ok_and(|done| done.succeeded);
        let (mut low, mut high) = (most.gas_used.saturating_sub(1), BLOCK_GAS);
        if suffices(most.gas_used) {
            high = most.gas_used;
        }
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            if suffices(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        shown(U64::from(high))
    }

    fn transaction(&self, hash: B256) -> Option<ShownTransaction> {
        if let Some((block, index)) = self.machine.blocks.of_transaction(hash) {
            return show_transaction(block, index);
        }
        let waiting = self.machine.pool.get(hash)?;
        Some(ShownTransaction {
            inner: Recovered::new_unchecked(waiting.transaction.clone(), waiting.sender),
            block_hash: None,
            block_number: None,
            transaction_index: None,
            effective_gas_price: None,
            block_timestamp: None,
        })
    }

    fn receipt(&self, hash: B256) -> Option<TransactionReceipt> {
        let (block, index) = self.machine.blocks.of_transaction(hash)?;
        let included = block.included.get(index)?;
        let transaction = read_included(included)?.transaction;
        let gas = block.included.iter().take(index.saturating_add(1)).map(|included| included.gas_used).sum();
        let mut shown = show_logs(block).filter(|log| log.transaction_hash == Some(hash));
        let receipt = included.receipt(&transaction, gas);
        Some(TransactionReceipt {
            inner: receipt
                .map_logs(|log| shown.next().unwrap_or(ShownLog { inner: log, ..ShownLog::default() })),
            transaction_hash: hash,
            transaction_index: u64::try_from(index).ok(),
            block_hash: Some(block.hash),
            block_number: Some(block.header.number),
            gas_used: included.gas_used,
            effective_gas_price: included.gas_price,
            blob_gas_used: None,
            blob_gas_price: None,
            from: included.sender,
            to: transaction.to(),
            contract_address: Some(included.created).filter(|created| !created.is_zero()),
        })
    }

    fn logs(&self, filter: &Filter) -> Answer {
        let (from, to) = match filter.block_option {
            FilterBlockOption::Range { from_block, to_block } => {
                let height = |tag: Option<BlockNumberOrTag>| self.height_of(tag.unwrap_or_default());
                (height(from_block), height(to_block))
            }
            FilterBlockOption::AtBlockHash(hash) => {
                let block = self.machine.blocks.by_hash(hash).ok_or_else(|| refusal("unknown block"))?;
                (block.header.number, block.header.number)
            }
        };
        let blocks =
            (from..=to.min(self.machine.height())).filter_map(|height| self.machine.blocks.at(height));
        let found: Vec<ShownLog> =
            blocks.flat_map(show_logs).filter(|log| filter.matches(&log.inner)).take(LOGS_MAX + 1).collect();
        if found.len() > LOGS_MAX { Err(refusal("query returned too many logs")) } else { shown(found) }
    }
}

fn fee_history(inner: &Inner, params: &[Value]) -> Answer {
    let count = required::<U64>(params, 0)?.to::<u64>().clamp(1, FEE_BLOCKS_MAX);
    let tag = required::<BlockNumberOrTag>(params, 1)?;
    let percentiles = param::<Vec<f64>>(params, 2).unwrap_or_default();
    let newest = inner.height_of(tag).min(inner.machine.height());
    let oldest = newest.saturating_sub(count.saturating_sub(1));
    let blocks: Vec<&Block> =
        (oldest..=newest).filter_map(|height| inner.machine.blocks.at(height)).collect();
    let mut base_fees: Vec<u128> =
        blocks.iter().map(|block| block.header.base_fee_per_gas.unwrap_or_default().into()).collect();
    base_fees.push(inner.machine.next_base_fee().into());
    shown(FeeHistory {
        base_fee_per_gas: base_fees,
        oldest_block: oldest,
        reward: Some(blocks.iter().map(|block| rewards(block, percentiles.len())).collect()),
        ..FeeHistory::default()
    })
}

/// What a block's transactions paid beyond its base fee: the least, the middle and so on. Blocks here hold few
/// transactions, so shares of gas and of transactions are the same.
fn rewards(block: &Block, columns: usize) -> Vec<u128> {
    let base = u128::from(block.header.base_fee_per_gas.unwrap_or_default());
    let mut paid: Vec<u128> =
        block.included.iter().map(|included| included.gas_price.saturating_sub(base)).collect();
    paid.sort_unstable();
    let last = paid.len().saturating_sub(1);
    let column = |index: usize| {
        let place = index * last / columns.saturating_sub(1).max(1);
        paid.get(place).copied().unwrap_or(IDLE_TIP)
    };
    (0..columns).map(column).collect()
}

fn show_block(block: &Block, full: bool) -> ShownBlock {
    let transactions = if full {
        let shown = (0..block.included.len()).filter_map(|index| show_transaction(block, index));
        BlockTransactions::Full(shown.collect())
    } else {
        BlockTransactions::Hashes(block.hashes.clone())
    };
    let header =
        ShownHeader { hash: block.hash, inner: block.header.clone(), total_difficulty: None, size: None };
    ShownBlock { header, uncles: Vec::new(), transactions, withdrawals: None }
}

fn show_transaction(block: &Block, index: usize) -> Option<ShownTransaction<TxEnvelope>> {
    let included = block.included.get(index)?;
    let transaction = read_included(included)?.transaction;
    Some(ShownTransaction {
        inner: Recovered::new_unchecked(transaction, included.sender),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        transaction_index: u64::try_from(index).ok(),
        effective_gas_price: Some(included.gas_price),
        block_timestamp: Some(block.header.timestamp),
    })
}

fn show_logs(block: &Block) -> impl Iterator<Item = ShownLog> {
    let transactions = block.included.iter().zip(&block.hashes).enumerate();
    transactions.flat_map(move |(index, (included, hash))| {
        let numbers = block.first_log(index)..;
        included.logs.iter().zip(numbers).map(move |(log, number)| ShownLog {
            inner: log.clone(),
            block_hash: Some(block.hash),
            block_number: Some(block.header.number),
            block_timestamp: Some(block.header.timestamp),
            transaction_hash: Some(*hash),
            transaction_index: u64::try_from(index).ok(),
            log_index: Some(number),
            removed: false,
        })
    })
}

fn read_included(included: &Included) -> Option<Waiting> {
    Waiting::read(&included.bytes, 0, false)
}

fn shown(value: impl serde::Serialize) -> Answer {
    serde_json::to_value(value).map_err(|_| ErrorPayload::internal_error())
}

fn param<T: serde::de::DeserializeOwned>(params: &[Value], index: usize) -> Option<T> {
    params.get(index).cloned().and_then(|value| serde_json::from_value(value).ok())
}

fn required<T: serde::de::DeserializeOwned>(params: &[Value], index: usize) -> Result<T, ErrorPayload> {
    param(params, index).ok_or_else(ErrorPayload::invalid_params)
}

fn full(params: &[Value]) -> bool {
    param(params, 1).unwrap_or(false)
}

fn refusal(words: &str) -> ErrorPayload {
    ErrorPayload { code: -32_000, message: words.to_owned().into(), data: None }
}

fn reverted(output: &Bytes) -> ErrorPayload {
    ErrorPayload { code: 3, message: "execution reverted".into(), data: to_raw_value(output).ok() }
}
