//! The coin that pays for gas, as one contract may move it: what lets a token be a view of that coin.
//!
//! Calls are those of the interface `NativeCoin` in `contracts/src/NativeToken.sol`. On a chain where gas is paid in a
//! coin of its own, nobody may call it.

use alloy::primitives::{Address, Bytes, U256, address};
use alloy::sol_types::SolInterface as _;
use revm::context::{Cfg, ContextTr};
use revm::context_interface::JournalTr as _;
use revm::handler::{EthPrecompiles, PrecompileProvider};
use revm::interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult};
use revm::primitives::AddressSet;
use revm::primitives::hardfork::SpecId;

/// Where the coin is called.
pub(super) const NATIVE_COIN: Address = address!("1800000000000000000000000000000000000000");
/// Gas of one call: two accounts are changed.
const CALL_GAS: u64 = 10_000;
/// What made coins come from and ended coins go to, inside one call.
const MINT: Address = address!("000000000000000000000000000000000000C014");

mod interface {
    alloy::sol! {
        interface NativeCoin {
            function move(address from, address to, uint256 value) external;
            function create(address to, uint256 value) external;
            function destroy(address from, uint256 value) external;
        }
    }
}
use interface::NativeCoin::NativeCoinCalls;

/// The precompiled contracts of Ethereum, and the native coin for one contract.
#[derive(Debug, Clone)]
pub(super) struct SimPrecompiles {
    standard: EthPrecompiles,
    warm: AddressSet,
    /// The token that is a view of the coin.
    token: Option<Address>,
}

impl SimPrecompiles {
    pub(super) fn new(spec: SpecId, token: Option<Address>) -> SimPrecompiles {
        let standard = EthPrecompiles::new(spec);
        let mut warm = standard.warm_addresses().clone();
        warm.insert(NATIVE_COIN);
        SimPrecompiles { standard, warm, token }
    }

    fn run_coin<C: ContextTr>(
        &self,
        context: &mut C,
        inputs: &CallInputs,
    ) -> Result<InterpreterResult, String> {
        let mut gas = Gas::new(inputs.gas_limit);
        let ended = |result, gas| Ok(InterpreterResult::new(result, Bytes::new(), gas));
        if !gas.record_regular_cost(CALL_GAS) {
            gas.spend_all();
            return ended(InstructionResult::PrecompileOOG, gas);
        }
        let input = inputs.input.as_bytes(context).to_vec();
        let allowed = self.token == Some(inputs.caller)
            && inputs.bytecode_address == inputs.target_address
            && !inputs.is_static
            && !inputs.transfers_value();
        let call = NativeCoinCalls::abi_decode_validate(&input).ok().filter(|_| allowed);
        let Some(call) = call else { return ended(InstructionResult::Revert, gas) };
        let moved = match call {
            NativeCoinCalls::r#move(call) => transfer(context, call.from, call.to, call.value)?,
            NativeCoinCalls::create(call) => {
                let journal = context.journal_mut();
                journal.balance_incr(MINT, call.value).map_err(|fault| fault.to_string())?;
                transfer(context, MINT, call.to, call.value)?
            }
            NativeCoinCalls::destroy(call) => transfer(context, call.from, MINT, call.value)?,
        };
        ended(if moved { InstructionResult::Return } else { InstructionResult::Revert }, gas)
    }
}

fn transfer<C: ContextTr>(context: &mut C, from: Address, to: Address, value: U256) -> Result<bool, String> {
    let refused = context.journal_mut().transfer(from, to, value).map_err(|fault| fault.to_string())?;
    Ok(refused.is_none())
}

impl<C: ContextTr> PrecompileProvider<C> for SimPrecompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: <C::Cfg as Cfg>::Spec) -> bool {
        PrecompileProvider::<C>::set_spec(&mut self.standard, spec)
    }

    fn run(&mut self, context: &mut C, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        if inputs.bytecode_address == NATIVE_COIN {
            return self.run_coin(context, inputs).map(Some);
        }
        self.standard.run(context, inputs)
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.warm
    }
}
