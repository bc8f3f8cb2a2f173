//! A chain under test with money on it, blocks on demand, and keys; the same for a node and for the chain in process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_evm::chain::{Chain, Identity};
use aegis_evm::contract::Contract;
use aegis_evm::eip3009::TokenDomain;
use aegis_evm::finality::{At, Finality};
use aegis_evm::key::AccountKey;
use aegis_evm::send::Presented;
use aegis_evm::sight::SentTransaction;
use aegis_evm::sim::{GasCoin, Orphans, Pace, SANDBOX_TOKENS, SimChain, SimClock, SimSettings};
use aegis_evm::token::{self, TokenSetup};
use aegis_evm::transaction::{Place, SignedTransaction, TransactionDraft};
use aegis_wallet::address::Address;
use aegis_wallet::amount::Atoms;
use aegis_wallet::asset::ChainName;
use alloy::consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718 as _;
use alloy::primitives::{B256, Bytes, Signature, TxKind, U256};
use alloy::rpc::client::RpcClient;
use serde_json::{Value, json};

use crate::fiat;

/// Blocks are final two below the head, on every chain under test.
pub(crate) const FINALITY: Finality = Finality::Confirmations(3);
/// Gas that suffices for every call of a token.
pub(crate) const GAS: u64 = 200_000;
/// Gas that suffices for setting a token up.
const DEED_GAS: u64 = 1_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;

pub(crate) enum Ground {
    Sim(SimChain),
    Anvil(RpcClient),
}

pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) ground: Ground,
    /// Has native coin and owns the token.
    pub(crate) owner: AccountKey,
    pub(crate) domain: TokenDomain,
    next_key: AtomicI64,
}

/// A clock that stands still until it is moved.
pub(crate) fn clock(seconds: i64) -> (SimClock, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(seconds));
    let read = Arc::clone(&now);
    (Arc::new(move || Timestamp::from_seconds(read.load(Ordering::Relaxed))), now)
}

pub(crate) fn key(number: u8) -> AccountKey {
    AccountKey::from_secret(&Secret::new([number; 32])).unwrap()
}

pub(crate) fn settings(gas: GasCoin, pace: Pace) -> SimSettings {
    SimSettings {
        chain_id: 31_338,
        gas,
        base_fee_min: 1_000_000_000,
        pace,
        safe_depth: 1,
        final_depth: 2,
        faucet: key(0xfa),
    }
}

pub(crate) fn name() -> ChainName {
    ChainName::parse("Test_Chain").unwrap()
}

/// The domain of a token that is deployed for a test.
fn coin(chain_id: u64) -> TokenDomain {
    TokenDomain { name: "USD Coin".into(), version: "2".into(), chain_id, contract: Address::ZERO }
}

impl World {
    pub(crate) fn on_sim() -> World {
        let (clock, _) = clock(1_800_000_000);
        World::over_sim(SimChain::in_memory(settings(GasCoin::Native, Pace::OnDemand), clock).unwrap())
    }

    pub(crate) fn over_sim(sim: SimChain) -> World {
        let usdc = SANDBOX_TOKENS[0];
        let domain = TokenDomain {
            name: usdc.eip712_name.into(),
            version: usdc.eip712_version.into(),
            chain_id: sim.chain_id(),
            contract: usdc.contract,
        };
        let chain = Chain::sim(name(), FINALITY, sim.clone());
        World { chain, ground: Ground::Sim(sim), owner: key(0xfa), domain, next_key: AtomicI64::new(1) }
    }

    /// On a node: a key of its own pays for everything, and owns a new token contract.
    pub(crate) async fn on_anvil(url: &str, round: u8, fiat: Option<&str>) -> World {
        let client = RpcClient::new_http(url.parse().unwrap());
        let chain_id: alloy::primitives::U64 = client.request_noparams("eth_chainId").await.unwrap();
        let _: Value = client.request("evm_setAutomine", [false]).await.unwrap();
        let identity = Identity { name: name(), id: chain_id.to(), finality: FINALITY };
        let chain = Chain::rpc(identity, &[url.to_owned()]).unwrap();
        let mut seed = [round; 32];
        seed[1..9].copy_from_slice(&chain.heads().await.unwrap().head.to_be_bytes());
        let owner = AccountKey::from_secret(&Secret::new(seed)).unwrap();
        let rich = json!([owner.address().to_string(), "0xd3c21bcecceda1000000"]);
        let _: Value = client.request("anvil_setBalance", rich).await.unwrap();
        let head = chain.heads().await.unwrap().head;
        let first = i64::from(round) * 1_000 + i64::try_from(head).unwrap() * 1_000_000 + 1;
        let domain = coin(chain.id());
        let mut world =
            World { chain, ground: Ground::Anvil(client), owner, domain, next_key: AtomicI64::new(first) };
        world.domain.contract = match fiat {
            Some(package) => fiat::deploy(&world, package).await,
            None => world.deploy().await,
        };
        world
    }

    /// The chain in process with Circle's contracts on it.
    pub(crate) async fn on_sim_with(package: &str) -> World {
        let mut world = World::on_sim();
        world.domain = coin(world.chain.id());
        world.domain.contract = fiat::deploy(&world, package).await;
        world
    }

    async fn deploy(&self) -> Address {
        let contract = self.create(Contract::LedgerToken.creation_code().unwrap()).await;
        let setup = TokenSetup {
            name: self.domain.name.clone(),
            symbol: "USDC".into(),
            version: self.domain.version.clone(),
            decimals: 6,
            owner: self.owner.address(),
        };
        self.deed(&self.owner, contract, Atoms::ZERO, setup.initialize()).await;
        contract
    }

    /// Creates a contract. The client under test never does, so the bytes go around it.
    pub(crate) async fn create(&self, code: Vec<u8>) -> Address {
        let Place { chain_id, account_nonce, fees } = self.place(&self.owner).await;
        let creation = TxEip1559 {
            chain_id,
            nonce: account_nonce,
            gas_limit: 8_000_000,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.max_priority,
            to: TxKind::Create,
            value: U256::ZERO,
            access_list: alloy::eips::eip2930::AccessList::default(),
            input: code.into(),
        };
        let signature = self.owner.sign_digest(&creation.signature_hash().0).unwrap();
        let signature = Signature::try_from(signature.0.as_slice()).unwrap();
        let bytes = Bytes::from(TxEnvelope::from(creation.into_signed(signature)).encoded_2718());
        match &self.ground {
            Ground::Sim(sim) => {
                sim.submit(&bytes).unwrap();
            }
            Ground::Anvil(client) => {
                let _: B256 = client.request("eth_sendRawTransaction", [bytes]).await.unwrap();
            }
        }
        self.mine(1).await;
        let owner = alloy::primitives::Address::new(*self.owner.address().as_bytes());
        let contract = Address::from_bytes(owner.create(account_nonce).into_array());
        assert!(!self.chain.code(contract, At::Head).await.unwrap().is_empty(), "the contract was created");
        contract
    }

    pub(crate) fn token(&self) -> Address {
        self.domain.contract
    }

    /// A key nobody used on this chain.
    pub(crate) fn fresh(&self) -> AccountKey {
        let mut secret = [0x11; 32];
        secret[..8].copy_from_slice(&self.next_key.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        AccountKey::from_secret(&Secret::new(secret)).unwrap()
    }

    /// A fresh key with some native coin and so many units of the token.
    pub(crate) async fn funded(&self, units: u128) -> AccountKey {
        let key = self.fresh();
        self.deed(&self.owner, key.address(), Atoms::new(ETHER), Vec::new()).await;
        if units > 0 {
            let mint = token::mint(key.address(), Atoms::new(units));
            self.deed(&self.owner, self.token(), Atoms::ZERO, mint).await;
        }
        key
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        match &self.ground {
            Ground::Sim(sim) => {
                sim.mine(blocks).unwrap();
            }
            Ground::Anvil(client) => {
                for _ in 0..blocks {
                    let _: Value = client.request_noparams("evm_mine").await.unwrap();
                }
            }
        }
    }

    /// Other blocks in the place of the newest, without their transactions.
    pub(crate) async fn reorg(&self, depth: u64) {
        match &self.ground {
            Ground::Sim(sim) => {
                sim.reorg(depth, Orphans::Forgotten).unwrap();
            }
            Ground::Anvil(client) => {
                let _: Value = client.request("anvil_reorg", json!([depth, []])).await.unwrap();
            }
        }
    }

    pub(crate) async fn place(&self, key: &AccountKey) -> Place {
        Place {
            chain_id: self.chain.id(),
            account_nonce: self.chain.pending_nonce(key.address()).await.unwrap(),
            fees: self.chain.fee_levels().await.unwrap().medium,
        }
    }

    /// A transfer of the token, ready to be signed.
    pub(crate) async fn transfer(&self, from: &AccountKey, to: Address, units: u128) -> TransactionDraft {
        let place = self.place(from).await;
        TransactionDraft::token_transfer(place, self.token(), to, Atoms::new(units), GAS)
    }

    /// Signs, presents, and expects it to be taken.
    pub(crate) async fn submit(&self, draft: &TransactionDraft, key: &AccountKey) -> SignedTransaction {
        let signed = draft.sign(key).unwrap();
        let presented = self.chain.present(&signed).await;
        assert!(matches!(presented, Presented::Accepted), "{presented:?}");
        signed
    }

    /// A call that is included and must succeed.
    pub(crate) async fn deed(&self, key: &AccountKey, to: Address, value: Atoms, data: Vec<u8>) {
        let signed = self.submit(&self.place(key).await.draft(to, value, data, DEED_GAS), key).await;
        self.mine(1).await;
        let receipt = self.chain.receipt(signed.hash()).await.unwrap().expect("it is included");
        assert!(receipt.succeeded, "a call of the test itself was reverted");
    }

    /// What a reconciler would look for.
    pub(crate) async fn sent(
        &self,
        key: &AccountKey,
        draft: &TransactionDraft,
        all: &[&SignedTransaction],
    ) -> SentTransaction {
        SentTransaction {
            account: key.address(),
            account_nonce: draft.account_nonce,
            artefacts: all.iter().map(|signed| signed.hash()).collect(),
            displacements: Vec::new(),
            since: self.chain.final_height().await.unwrap(),
        }
    }
}
