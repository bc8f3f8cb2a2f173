//! Reading accounts and contracts at a chosen height.

use aegis_wallet::address::Address;
use aegis_wallet::amount::Atoms;
use alloy::eips::BlockNumberOrTag;
use alloy::network::TransactionBuilder as _;
use alloy::primitives::Bytes;
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::serde::WithOtherFields;
use alloy::sol_types::SolCall;

use crate::chain::Chain;
use crate::convert::{atoms, integer, to_chain};
use crate::fault::ChainFault;
use crate::finality::At;
use crate::token::Erc20;

/// A share added to an estimate, in percent: state may change between the estimate and the inclusion.
const GAS_MARGIN_PERCENT: u64 = 20;

/// A call as a transaction would make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// Who calls.
    pub from: Address,
    /// What is called.
    pub to: Address,
    /// Native coin that goes along.
    pub value: Atoms,
    /// Encoded function and arguments.
    pub data: Vec<u8>,
}

impl CallRequest {
    fn for_chain(&self) -> WithOtherFields<TransactionRequest> {
        WithOtherFields::new(
            TransactionRequest::default()
                .with_from(to_chain(self.from))
                .with_to(to_chain(self.to))
                .with_value(integer(self.value))
                .with_input(Bytes::copy_from_slice(&self.data)),
        )
    }
}

impl Chain {
    /// The coin that pays for gas, in its smallest unit.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn native_balance(&self, owner: Address, at: At) -> Result<Atoms, ChainFault> {
        let block = self.resolve(at).await?;
        let owner = to_chain(owner);
        let balance =
            self.ask(move |node| async move { node.get_balance(owner).block_id(block.into()).await }).await?;
        Ok(atoms(balance))
    }

    /// What an ERC-20 contract says `owner` holds, in its units.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn token_balance(&self, token: Address, owner: Address, at: At) -> Result<Atoms, ChainFault> {
        self.read_contract(token, &Erc20::balanceOfCall { account: to_chain(owner) }, at).await.map(atoms)
    }

    /// Units of an ERC-20 contract in all.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn token_supply(&self, token: Address, at: At) -> Result<Atoms, ChainFault> {
        self.read_contract(token, &Erc20::totalSupplyCall {}, at).await.map(atoms)
    }

    /// Code at an address; empty for an account.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn code(&self, address: Address, at: At) -> Result<Vec<u8>, ChainFault> {
        let block = self.resolve(at).await?;
        let address = to_chain(address);
        let code = self
            .ask(move |node| async move { node.get_code_at(address).block_id(block.into()).await })
            .await?;
        Ok(code.to_vec())
    }

    /// Transactions of an account that are included up to a height: the next account nonce as of there.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn account_nonce(&self, owner: Address, at: At) -> Result<u64, ChainFault> {
        let block = self.resolve(at).await?;
        self.nonce_at(owner, block).await
    }

    /// The same with those that wait without a gap. A node's own view; another node may know fewer or more.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn pending_nonce(&self, owner: Address) -> Result<u64, ChainFault> {
        self.nonce_at(owner, BlockNumberOrTag::Pending).await
    }

    async fn nonce_at(&self, owner: Address, block: BlockNumberOrTag) -> Result<u64, ChainFault> {
        let owner = to_chain(owner);
        self.ask(move |node| async move { node.get_transaction_count(owner).block_id(block.into()).await })
            .await
    }

    /// Whether an EIP-3009 authorization of `authorizer` with this nonce was used or cancelled.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn authorization_used(
        &self,
        token: Address,
        authorizer: Address,
        nonce: [u8; 32],
        at: At,
    ) -> Result<bool, ChainFault> {
        let call = Erc20::authorizationStateCall { authorizer: to_chain(authorizer), nonce: nonce.into() };
        self.read_contract(token, &call, at).await
    }

    /// Runs a call without changing anything and returns what it returns.
    ///
    /// # Errors
    /// [`ChainFault::Reverted`] with the output, or another fault.
    pub async fn call(&self, request: &CallRequest, at: At) -> Result<Vec<u8>, ChainFault> {
        let block = self.resolve(at).await?;
        let request = request.for_chain();
        let output = self
            .ask(move |node| {
                let request = request.clone();
                async move { node.call(request).block(block.into()).await }
            })
            .await?;
        Ok(output.to_vec())
    }

    /// Gas that a transaction would need after the newest block, with a margin of a fifth.
    ///
    /// # Errors
    /// [`ChainFault::Reverted`] if it would revert whatever its gas, or another fault.
    pub async fn estimate_gas(&self, request: &CallRequest) -> Result<u64, ChainFault> {
        let request = request.for_chain();
        let needed = self
            .ask(move |node| {
                let request = request.clone();
                async move { node.estimate_gas(request).await }
            })
            .await?;
        Ok(needed.saturating_add(needed.saturating_mul(GAS_MARGIN_PERCENT).div_ceil(100)))
    }

    async fn read_contract<C: SolCall + Sync>(
        &self,
        contract: Address,
        call: &C,
        at: At,
    ) -> Result<C::Return, ChainFault> {
        let request =
            CallRequest { from: Address::ZERO, to: contract, value: Atoms::ZERO, data: call.abi_encode() };
        let output = self.call(&request, at).await?;
        C::abi_decode_returns_validate(&output)
            .map_err(|_| ChainFault::Nonsense("not what the contract's interface returns"))
    }
}
