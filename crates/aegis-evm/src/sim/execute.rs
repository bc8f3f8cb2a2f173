//! Running one transaction or call on a view of the state.

use alloy::consensus::{Transaction as _, TxEnvelope, Typed2718 as _};
use alloy::primitives::{Address, Bytes, Log, U256, address};
use revm::context::result::{ExecutionResult, Output};
use revm::context::{Context, Evm, TxEnv};
use revm::database_interface::WrapDatabaseRef;
use revm::handler::instructions::EthInstructions;
use revm::handler::{ExecuteEvm as _, MainContext as _};
use revm::primitives::hardfork::SpecId;

use super::native::SimPrecompiles;
use super::state::View;

/// The rules of this chain.
const RULES: SpecId = SpecId::PRAGUE;
/// Who is paid for including a transaction.
pub(super) const COLLECTOR: Address = address!("0000000000000000000000000000000000C0FFEE");
/// A contract that does nothing but revert: what a transaction calls that was told to fail.
pub(super) const REVERTER: Address = address!("000000000000000000000000000000000000DEAD");
/// `PUSH1 0 PUSH1 0 REVERT`
pub(super) const REVERTER_CODE: [u8; 5] = [0x60, 0x00, 0x60, 0x00, 0xfd];

/// The block around a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    pub(super) chain_id: u64,
    pub(super) height: u64,
    pub(super) seconds: u64,
    pub(super) base_fee: u64,
    pub(super) gas_limit: u64,
    /// The token that is a view of the coin that pays for gas.
    pub(super) native_token: Option<Address>,
}

/// What a transaction did.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) succeeded: bool,
    pub(super) gas_used: u64,
    pub(super) output: Bytes,
    pub(super) created: Option<Address>,
    pub(super) logs: Vec<Log>,
    pub(super) left: revm::state::EvmState,
}

/// A transaction that no block can hold now, in the EVM's words.
#[derive(Debug)]
pub(super) struct Unexecutable(pub(super) String);

/// Runs `transaction` on `view` as part of a block.
pub(super) fn execute(
    view: &View<'_>,
    around: &Around,
    transaction: TxEnv,
) -> Result<Executed, Unexecutable> {
    let context = Context::mainnet()
        .with_db(WrapDatabaseRef(view))
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(RULES);
            cfg.chain_id = around.chain_id;
        })
        .modify_block_chained(|block| {
            block.number = U256::from(around.height);
            block.timestamp = U256::from(around.seconds);
            block.basefee = around.base_fee;
            block.gas_limit = around.gas_limit;
            block.beneficiary = COLLECTOR;
        });
    let precompiles = SimPrecompiles::new(RULES, around.native_token);
    let mut evm = Evm::new(context, EthInstructions::new_mainnet_with_spec(RULES), precompiles);
    let done = evm.transact(transaction).map_err(|refused| Unexecutable(refused.to_string()))?;
    let gas_used = done.result.tx_gas_used();
    let (succeeded, output, created, logs) = match done.result {
        ExecutionResult::Success { output: Output::Call(output), logs, .. } => (true, output, None, logs),
        ExecutionResult::Success { output: Output::Create(output, created), logs, .. } => {
            (true, output, created, logs)
        }
        ExecutionResult::Revert { output, .. } => (false, output, None, Vec::new()),
        ExecutionResult::Halt { .. } => (false, Bytes::new(), None, Vec::new()),
    };
    Ok(Executed { succeeded, gas_used, output, created, logs, left: done.state })
}

/// Runs a call that is in no block: it costs nothing and leaves nothing.
pub(super) fn call(view: &View<'_>, around: &Around, mut call: TxEnv) -> Result<Executed, Unexecutable> {
    let free = Around { base_fee: 0, ..*around };
    call.gas_price = 0;
    call.gas_priority_fee = None;
    call.chain_id = None;
    call.nonce = view.account(call.caller).map_or(0, |account| account.nonce);
    call.gas_limit = call.gas_limit.min(around.gas_limit);
    execute(view, &free, call)
}

/// A signed transaction as the EVM takes it. One that was told to fail calls a contract that reverts.
pub(super) fn environment(transaction: &TxEnvelope, sender: Address, fails: bool) -> TxEnv {
    TxEnv {
        tx_type: transaction.ty(),
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: if fails { REVERTER.into() } else { transaction.kind() },
        value: if fails { U256::ZERO } else { transaction.value() },
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        ..TxEnv::default()
    }
}
