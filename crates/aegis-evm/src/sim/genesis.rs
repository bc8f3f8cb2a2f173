//! How a chain in this process begins: the same settings give the same state.

use aegis_wallet::address::Address;
use alloy::primitives::{Address as ChainAddress, Bytes, U256, keccak256};
use revm::context::TxEnv;

use super::execute::{Around, REVERTER, REVERTER_CODE, call};
use super::native::NATIVE_COIN;
use super::state::{AccountState, Patch, View, World};
use crate::contract::{Contract, DamagedArtefact};
use crate::convert::to_chain;
use crate::token::TokenSetup;

/// What gas is paid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GasCoin {
    /// A coin of its own.
    Native,
    /// USDC: one balance with 18 decimals, of which the first token is a view.
    Usdc,
}

/// One chain of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxChain {
    /// Its name, that of a public test network.
    pub name: &'static str,
    /// Its private chain id: nothing signed for it is valid elsewhere.
    pub id: u64,
    /// What gas is paid in.
    pub gas: GasCoin,
    /// Its name in version 1 of x402.
    pub x402_name: &'static str,
    /// Whether it is the home chain.
    pub is_home: bool,
}

const fn sandbox_chain(name: &'static str, id: u64, gas: GasCoin, x402_name: &'static str) -> SandboxChain {
    SandboxChain { name, id, gas, x402_name, is_home: matches!(gas, GasCoin::Usdc) }
}

/// The chains of the sandbox, by name.
pub const SANDBOX_CHAINS: [SandboxChain; 7] = [
    sandbox_chain("Arbitrum_Sepolia", 31_337, GasCoin::Native, "arbitrum-sepolia"),
    sandbox_chain("Arc_Testnet", 31_338, GasCoin::Usdc, "arc-testnet"),
    sandbox_chain("Avalanche_Fuji", 31_339, GasCoin::Native, "avalanche-fuji"),
    sandbox_chain("Base_Sepolia", 31_340, GasCoin::Native, "base-sepolia"),
    sandbox_chain("Ethereum_Sepolia", 31_341, GasCoin::Native, "sepolia"),
    sandbox_chain("Optimism_Sepolia", 31_342, GasCoin::Native, "optimism-sepolia"),
    sandbox_chain("Polygon_Amoy", 31_343, GasCoin::Native, "polygon-amoy"),
];

/// A token of a sandbox chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxToken {
    /// Symbol.
    pub symbol: &'static str,
    /// Name of its EIP-712 domain.
    pub eip712_name: &'static str,
    /// Version of its EIP-712 domain.
    pub eip712_version: &'static str,
    /// Decimals of its contract.
    pub decimals: u8,
    /// Where its contract is.
    pub contract: Address,
}

const fn sandbox_token(symbol: &'static str, version: &'static str, decimals: u8, last: u8) -> SandboxToken {
    let mut address = [0; 20];
    (address[0], address[19]) = (0x36, last);
    SandboxToken {
        symbol,
        eip712_name: symbol,
        eip712_version: version,
        decimals,
        contract: Address::from_bytes(address),
    }
}

/// The tokens of every sandbox chain; the first is USDC.
pub const SANDBOX_TOKENS: [SandboxToken; 3] =
    [sandbox_token("USDC", "2", 6, 0), sandbox_token("EURC", "2", 6, 1), sandbox_token("cirBTC", "1", 8, 2)];

/// What the faucet of a chain has: far more than anybody is given.
const FAUCET_WHOLE_COINS: u64 = 1_000_000_000;

/// The token that is a view of the coin that pays for gas.
pub(super) fn native_token(gas: GasCoin) -> Option<ChainAddress> {
    let [usdc, ..] = SANDBOX_TOKENS;
    (gas == GasCoin::Usdc).then(|| to_chain(usdc.contract))
}

/// The state before the first block. The faucet owns the tokens.
///
/// # Errors
/// [`DamagedArtefact`], also if a contract refuses to be set up.
pub(super) fn state(gas: GasCoin, faucet: Address, around: &Around) -> Result<Patch, DamagedArtefact> {
    let mut above = Patch::default();
    place_code(&mut above, REVERTER, Bytes::from_static(&REVERTER_CODE));
    // Solidity calls only what has code. What runs there is no code, but the chain itself.
    place_code(&mut above, NATIVE_COIN, Bytes::from_static(&[0xfe]));
    let faucet_address = to_chain(faucet);
    let coins = U256::from(FAUCET_WHOLE_COINS);
    let wei = coins.saturating_mul(U256::from(10).pow(U256::from(18)));
    let balance = if gas == GasCoin::Native { wei } else { U256::ZERO };
    above.accounts.insert(faucet_address, Some(AccountState { balance, ..AccountState::NEW }));
    for (index, token) in SANDBOX_TOKENS.iter().enumerate() {
        let is_view = gas == GasCoin::Usdc && index == 0;
        let contract = if is_view { Contract::NativeToken } else { Contract::LedgerToken };
        let address = to_chain(token.contract);
        place_code(&mut above, address, contract.runtime_code()?.into());
        let setup = TokenSetup {
            name: token.eip712_name.to_owned(),
            symbol: token.symbol.to_owned(),
            version: token.eip712_version.to_owned(),
            decimals: token.decimals,
            owner: faucet,
        };
        let damaged = |done| if done { Ok(()) } else { Err(contract.damaged()) };
        damaged(run(&mut above, around, (faucet_address, address), setup.initialize()))?;
        if is_view {
            let units = coins.saturating_mul(U256::from(10).pow(U256::from(token.decimals)));
            let mint = crate::token::mint(faucet, crate::convert::atoms(units));
            damaged(run(&mut above, around, (faucet_address, address), mint))?;
        }
    }
    // The calls above were no transactions of the faucet's.
    if let Some(Some(account)) = above.accounts.get_mut(&faucet_address) {
        account.nonce = 0;
    }
    Ok(above)
}

fn place_code(above: &mut Patch, address: ChainAddress, code: Bytes) {
    let code_hash = keccak256(&code);
    above.accounts.insert(address, Some(AccountState { nonce: 1, code_hash, ..AccountState::NEW }));
    above.codes.insert(code_hash, code);
}

fn run(above: &mut Patch, around: &Around, (from, to): (ChainAddress, ChainAddress), data: Vec<u8>) -> bool {
    let world = World::default();
    let view = View { world: &world, inverses: Vec::new(), above: above.clone(), hashes: &[] };
    let transaction = TxEnv { caller: from, kind: to.into(), data: data.into(), ..TxEnv::default() };
    match call(&view, around, transaction) {
        Ok(done) if done.succeeded => {
            above.absorb(done.left);
            true
        }
        Ok(_) | Err(_) => false,
    }
}
