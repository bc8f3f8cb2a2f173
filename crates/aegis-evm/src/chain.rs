//! A connection to one chain: who it is, where its head is, and the one way to ask its nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aegis_wallet::asset::ChainName;
use alloy::eips::BlockNumberOrTag;
use alloy::network::AnyNetwork;
use alloy::providers::{Provider as _, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::transports::TransportResult;
use url::Url;

use crate::fault::{ChainFault, is_silence};
use crate::finality::{At, Finality, Heads};
use crate::sim::SimChain;
use crate::transport::{HttpWire, Wire};

/// Nodes of one chain, tried in order.
pub const NODES_MAX: usize = 8;

pub(crate) type Provider = RootProvider<AnyNetwork>;

/// What is known of a chain before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name it is listed under.
    pub name: ChainName,
    /// EIP-155.
    pub id: u64,
    /// When its blocks are final.
    pub finality: Finality,
}

/// A chain. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Chain {
    identity: Arc<Identity>,
    nodes: Arc<[Node]>,
}

#[derive(Debug)]
struct Node {
    provider: Provider,
    /// Whether it has shown the right chain id. Until then it is asked for nothing else.
    verified: AtomicBool,
}

/// A connection that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    /// No node, or more than [`NODES_MAX`].
    #[error("a chain has 1 to {NODES_MAX} nodes")]
    NodeCount,
    /// The address of this node, counted from 0, is none of HTTP. It is not repeated: it may hold a key.
    #[error("the address of node {0} must begin with http:// or https://")]
    Address(usize),
    /// The TLS library refuses the machine's certificates.
    #[error("no HTTP client for the chain's nodes")]
    NoClient(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Chain {
    /// Prepares to talk to the nodes at these addresses, tried in this order. Nothing is sent.
    ///
    /// # Errors
    /// [`NotConnected`]
    pub fn rpc(identity: Identity, addresses: &[String]) -> Result<Chain, NotConnected> {
        if addresses.is_empty() || addresses.len() > NODES_MAX {
            return Err(NotConnected::NodeCount);
        }
        let wires = addresses.iter().enumerate().map(|(index, address)| {
            let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            let wire = HttpWire::new(url.ok_or(NotConnected::Address(index))?);
            wire.map(Wire::Http).map_err(|fault| NotConnected::NoClient(Box::new(fault)))
        });
        let nodes = wires.map(|wire| wire.map(node)).collect::<Result<Vec<Node>, _>>()?;
        Ok(Chain { identity: Arc::new(identity), nodes: nodes.into() })
    }

    /// The chain in this process.
    pub fn sim(name: ChainName, finality: Finality, sim: SimChain) -> Chain {
        let identity = Identity { name, id: sim.chain_id(), finality };
        Chain { identity: Arc::new(identity), nodes: Arc::new([node(Wire::Sim(sim))]) }
    }

    /// The name it is listed under.
    pub fn name(&self) -> &ChainName {
        &self.identity.name
    }

    /// EIP-155.
    pub fn id(&self) -> u64 {
        self.identity.id
    }

    /// When its blocks are final.
    pub fn finality(&self) -> Finality {
        self.identity.finality
    }

    /// Asks every node for its chain id. A node that does not answer is asked again before its first use.
    ///
    /// # Errors
    /// [`ChainFault::WrongChain`] if any node is on another chain, otherwise the last fault if none answered.
    pub async fn check_identity(&self) -> Result<(), ChainFault> {
        let (mut answered, mut last) = (false, None);
        for node in self.nodes.iter() {
            match self.verify(node).await {
                Ok(()) => answered = true,
                Err(fault @ ChainFault::WrongChain { .. }) => return Err(fault),
                Err(fault) => last = Some(fault),
            }
        }
        last.filter(|_| !answered).map_or(Ok(()), Err)
    }

    async fn verify(&self, node: &Node) -> Result<(), ChainFault> {
        if node.verified.load(Ordering::Relaxed) {
            return Ok(());
        }
        let found = node.provider.get_chain_id().await?;
        if found != self.identity.id {
            return Err(ChainFault::WrongChain { expected: self.identity.id, found });
        }
        node.verified.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Nodes that have shown the right chain id, in order; those that cannot show it now are left out.
    pub(crate) async fn verified_nodes(&self) -> (Vec<Provider>, Option<ChainFault>) {
        let (mut usable, mut last) = (Vec::new(), None);
        for node in self.nodes.iter() {
            match self.verify(node).await {
                Ok(()) => usable.push(node.provider.clone()),
                Err(fault) => last = Some(fault),
            }
        }
        (usable, last)
    }

    /// Asks the nodes in order until one answers. An error that a node answers with is the answer, unless it says that
    /// it is busy. For reads: what may be asked twice.
    pub(crate) async fn ask<T, F, R>(&self, request: F) -> Result<T, ChainFault>
    where
        F: Fn(Provider) -> R,
        R: Future<Output = TransportResult<T>> + Send,
    {
        let mut last = ChainFault::Nonsense("no node");
        for node in self.nodes.iter() {
            if let Err(fault) = self.verify(node).await {
                last = fault;
                continue;
            }
            match request(node.provider.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_silence(&error) => last = error.into(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(last)
    }

    /// Heights of the chain now.
    ///
    /// # Errors
    /// [`ChainFault`]; nonsense if the node names no final block.
    pub async fn heads(&self) -> Result<Heads, ChainFault> {
        let head = self.ask(|node| async move { node.get_block_number().await }).await?;
        let final_height = self.final_of(head).await?;
        let safe = self.height_of(BlockNumberOrTag::Safe).await?.unwrap_or(final_height);
        Ok(Heads { head, safe: safe.clamp(final_height, head.max(final_height)), final_height })
    }

    /// Height of the newest final block.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn final_height(&self) -> Result<u64, ChainFault> {
        let head = self.ask(|node| async move { node.get_block_number().await }).await?;
        self.final_of(head).await
    }

    async fn final_of(&self, head: u64) -> Result<u64, ChainFault> {
        let tag = match (self.finality().counted(head), self.finality()) {
            (Some(height), _) => return Ok(height),
            (None, Finality::Safe) => BlockNumberOrTag::Safe,
            (None, _) => BlockNumberOrTag::Finalized,
        };
        let height =
            self.height_of(tag).await?.ok_or(ChainFault::Nonsense("the node names no final block"))?;
        // The head was read first: a block that became final in between counts from the next look.
        Ok(height.min(head))
    }

    async fn height_of(&self, tag: BlockNumberOrTag) -> Result<Option<u64>, ChainFault> {
        let block = self.ask(move |node| async move { node.get_block_by_number(tag).await }).await?;
        Ok(block.map(|block| block.header.number))
    }

    /// Time of a block in seconds since 1970; nothing if there is none.
    ///
    /// # Errors
    /// [`ChainFault`]
    pub async fn block_seconds(&self, height: u64) -> Result<Option<u64>, ChainFault> {
        let number = BlockNumberOrTag::Number(height);
        let block = self.ask(move |node| async move { node.get_block_by_number(number).await }).await?;
        Ok(block.map(|block| block.header.timestamp))
    }

    /// The height a point of reading means now.
    pub(crate) async fn resolve(&self, at: At) -> Result<BlockNumberOrTag, ChainFault> {
        Ok(match at {
            At::Head => BlockNumberOrTag::Latest,
            At::Height(height) => BlockNumberOrTag::Number(height),
            At::Final => BlockNumberOrTag::Number(self.final_height().await?),
        })
    }
}

fn node(wire: Wire) -> Node {
    let is_local = matches!(wire, Wire::Sim(_));
    Node { provider: RootProvider::new(RpcClient::new(wire, is_local)), verified: AtomicBool::new(false) }
}

#[cfg(test)]
mod tests {
    use aegis_wallet::address::Address;

    use super::*;
    use crate::sight::{SentAuthorization, SentTransaction};
    use crate::transaction::SignedTransaction;

    /// Jobs hand these futures from thread to thread; a closure that cannot be sent would be found only there.
    #[test]
    fn futures_can_be_sent() {
        fn sendable(_: impl Future + Send) {}
        let never =
            |chain: &'static Chain,
             sent: &'static (SentTransaction, SentAuthorization, SignedTransaction)| {
                sendable(chain.present(&sent.2));
                sendable(chain.look_at_transaction(&sent.0));
                sendable(chain.look_at_authorization(&sent.1));
                sendable(chain.heads());
                sendable(chain.fee_levels());
                sendable(chain.native_balance(Address::ZERO, At::Final));
                sendable(chain.token_supply(Address::ZERO, At::Final));
                sendable(chain.deposits(&[], &[], 0, 0));
            };
        let _: fn(&'static Chain, &'static (SentTransaction, SentAuthorization, SignedTransaction)) = never;
    }
}
