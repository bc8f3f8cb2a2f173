//! Token contracts: ERC-20, EIP-3009, and what the owner of a sandbox token may call.
//!
//! Functions give encoded calls, the `data` of a transaction. What they do when they run is the contract's matter.

use aegis_wallet::address::Address;
use aegis_wallet::amount::Atoms;
use alloy::sol_types::SolCall as _;

use crate::convert::{integer, to_chain};

pub(crate) use interface::Erc20;

mod interface {
    alloy::sol! {
        interface Erc20 {
            event Transfer(address indexed from, address indexed to, uint256 value);
            event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
            event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);

            function totalSupply() external view returns (uint256);
            function balanceOf(address account) external view returns (uint256);
            function transfer(address to, uint256 value) external returns (bool);
            function approve(address spender, uint256 value) external returns (bool);
            function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);
            function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
            function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
            function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;

            function initialize(string name_, string symbol_, string version_, uint8 decimals_, address owner_) external;
            function mint(address to, uint256 value) external returns (bool);
            function pause() external;
            function unpause() external;
            function blacklist(address account) external;
            function unBlacklist(address account) external;
        }
    }
}

/// How a sandbox token is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSetup {
    /// Name, which is also that of its EIP-712 domain.
    pub name: String,
    /// Symbol.
    pub symbol: String,
    /// Version of its EIP-712 domain.
    pub version: String,
    /// Decimals of its unit.
    pub decimals: u8,
    /// Who may mint, pause and block.
    pub owner: Address,
}

impl TokenSetup {
    /// Sets a new contract up; works once.
    pub fn initialize(&self) -> Vec<u8> {
        Erc20::initializeCall {
            name_: self.name.clone(),
            symbol_: self.symbol.clone(),
            version_: self.version.clone(),
            decimals_: self.decimals,
            owner_: to_chain(self.owner),
        }
        .abi_encode()
    }
}

/// Moves units of the caller (ERC-20).
pub fn transfer(to: Address, amount: Atoms) -> Vec<u8> {
    Erc20::transferCall { to: to_chain(to), value: integer(amount) }.abi_encode()
}

/// Lets `spender` move up to `amount` units of the caller (ERC-20).
pub fn approve(spender: Address, amount: Atoms) -> Vec<u8> {
    Erc20::approveCall { spender: to_chain(spender), value: integer(amount) }.abi_encode()
}

/// Makes units. For the owner of a sandbox token.
pub fn mint(to: Address, amount: Atoms) -> Vec<u8> {
    Erc20::mintCall { to: to_chain(to), value: integer(amount) }.abi_encode()
}

/// Stops every movement. For the owner of a sandbox token.
pub fn pause() -> Vec<u8> {
    Erc20::pauseCall {}.abi_encode()
}

/// Ends a pause. For the owner of a sandbox token.
pub fn unpause() -> Vec<u8> {
    Erc20::unpauseCall {}.abi_encode()
}

/// Lets an account neither send nor receive. For the owner of a sandbox token.
pub fn block_account(account: Address) -> Vec<u8> {
    Erc20::blacklistCall { account: to_chain(account) }.abi_encode()
}

/// Ends that. For the owner of a sandbox token.
pub fn unblock_account(account: Address) -> Vec<u8> {
    Erc20::unBlacklistCall { account: to_chain(account) }.abi_encode()
}
