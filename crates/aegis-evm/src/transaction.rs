//! Transactions of a wallet: EIP-1559, with an account nonce that comes from outside, and the same bytes every time.

use aegis_wallet::address::{Address, TxHash};
use aegis_wallet::amount::Atoms;
use alloy::consensus::transaction::SignerRecoverable as _;
use alloy::consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy::primitives::{Bytes, TxKind};

use crate::convert::{atoms, from_chain, hash_from_chain, integer, to_chain};
use crate::fee::FeeCaps;
use crate::key::{AccountKey, KeySignature, NotAKey};
use crate::token;

/// Gas of a transaction that moves native coin to an account and does nothing else.
pub const PLAIN_GAS: u64 = 21_000;

/// What a transaction says before it is signed. Equal drafts signed by the same key are equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDraft {
    /// EIP-155: valid on this chain only.
    pub chain_id: u64,
    /// Position among the account's transactions. At most one with each is ever included.
    pub account_nonce: u64,
    /// Gas it may use at most.
    pub gas_limit: u64,
    /// What is offered for it.
    pub fees: FeeCaps,
    /// Whom it calls.
    pub to: Address,
    /// Native coin that goes along.
    pub value: Atoms,
    /// The encoded call; empty for a plain payment.
    pub data: Vec<u8>,
}

/// A draft that may not take another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nodes want both fees raised by {} percent", crate::fee::REPLACEMENT_PERCENT)]
pub struct FeesTooLow;

impl TransactionDraft {
    /// Moves `amount` units of an ERC-20 contract.
    pub fn token_transfer(
        place: Place,
        token: Address,
        to: Address,
        amount: Atoms,
        gas_limit: u64,
    ) -> TransactionDraft {
        place.draft(token, Atoms::ZERO, token::transfer(to, amount), gas_limit)
    }

    /// The same intent with higher fees: same account nonce, target, value and data. At most one of the two is ever
    /// included, so this is no second artefact.
    ///
    /// # Errors
    /// [`FeesTooLow`] if nodes would not let it take the place.
    pub fn replacement(&self, fees: FeeCaps) -> Result<TransactionDraft, FeesTooLow> {
        if self.fees.gives_way_to(fees) {
            Ok(TransactionDraft { fees, ..self.clone() })
        } else {
            Err(FeesTooLow)
        }
    }

    /// A transaction of `own`, the account itself, to itself and of nothing, with the same account nonce: once it is
    /// final, this draft can never take effect.
    ///
    /// # Errors
    /// [`FeesTooLow`] if nodes would not let it take the place.
    pub fn displacement(&self, own: Address, fees: FeeCaps) -> Result<TransactionDraft, FeesTooLow> {
        if !self.fees.gives_way_to(fees) {
            return Err(FeesTooLow);
        }
        Ok(TransactionDraft {
            fees,
            to: own,
            value: Atoms::ZERO,
            data: Vec::new(),
            gas_limit: PLAIN_GAS,
            ..self.clone()
        })
    }

    /// What it costs in fees at most; nothing if no number can say it.
    pub fn fee_ceiling(&self) -> Option<Atoms> {
        self.fees.ceiling(self.gas_limit)
    }

    /// What is signed: for a signer that is elsewhere.
    pub fn digest(&self) -> [u8; 32] {
        self.unsigned().signature_hash().0
    }

    /// Joins it with a signature made elsewhere.
    ///
    /// # Errors
    /// [`NotAKey`] if the signature is none of `own`, the account it is meant for.
    pub fn join(&self, signature: &KeySignature, own: Address) -> Result<SignedTransaction, NotAKey> {
        if signature.recover(&self.digest()) != Some(own) {
            return Err(NotAKey);
        }
        let parsed = signature.parse().ok_or(NotAKey)?;
        let envelope = TxEnvelope::from(self.unsigned().into_signed(parsed));
        Ok(SignedTransaction { hash: hash_from_chain(*envelope.tx_hash()), bytes: envelope.encoded_2718() })
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`NotAKey`]
    pub fn sign(&self, key: &AccountKey) -> Result<SignedTransaction, NotAKey> {
        self.join(&key.sign_digest(&self.digest())?, key.address())
    }

    fn unsigned(&self) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.account_nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fees.max_fee,
            max_priority_fee_per_gas: self.fees.max_priority,
            to: TxKind::Call(to_chain(self.to)),
            value: integer(self.value),
            access_list: alloy::eips::eip2930::AccessList::default(),
            input: Bytes::copy_from_slice(&self.data),
        }
    }
}

/// Where a transaction stands: on which chain, at which position, for which fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// EIP-155.
    pub chain_id: u64,
    /// The account nonce the database gave out.
    pub account_nonce: u64,
    /// What is offered for gas.
    pub fees: FeeCaps,
}

impl Place {
    /// A call of `to`.
    pub const fn draft(self, to: Address, value: Atoms, data: Vec<u8>, gas_limit: u64) -> TransactionDraft {
        let Place { chain_id, account_nonce, fees } = self;
        TransactionDraft { chain_id, account_nonce, gas_limit, fees, to, value, data }
    }
}

/// Signed bytes and the hash the chain knows them by. An artefact: it moves money wherever it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    bytes: Vec<u8>,
    hash: TxHash,
}

/// Bytes that are no transaction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no signed EIP-1559 call")]
pub struct NotATransaction;

impl SignedTransaction {
    /// Reads bytes that were kept: what they say and whose they are.
    ///
    /// # Errors
    /// [`NotATransaction`]: another type of transaction, one that creates a contract or has an access list, anything
    /// left over, or a signature of nobody.
    pub fn read(bytes: &[u8]) -> Result<(SignedTransaction, TransactionDraft, Address), NotATransaction> {
        let mut rest = bytes;
        let envelope = TxEnvelope::decode_2718(&mut rest).map_err(|_| NotATransaction)?;
        let from = from_chain(envelope.recover_signer().map_err(|_| NotATransaction)?);
        let signed = envelope.as_eip1559().filter(|_| rest.is_empty()).ok_or(NotATransaction)?;
        let inner = signed.tx();
        let to = inner.to.to().filter(|_| inner.access_list.is_empty()).ok_or(NotATransaction)?;
        let draft = TransactionDraft {
            chain_id: inner.chain_id,
            account_nonce: inner.nonce,
            gas_limit: inner.gas_limit,
            fees: FeeCaps { max_fee: inner.max_fee_per_gas, max_priority: inner.max_priority_fee_per_gas },
            to: from_chain(*to),
            value: atoms(inner.value),
            data: inner.input.to_vec(),
        };
        let kept = SignedTransaction { bytes: bytes.to_vec(), hash: hash_from_chain(*signed.hash()) };
        Ok((kept, draft, from))
    }

    /// The bytes (EIP-2718) that are kept and presented.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash of the transaction.
    pub const fn hash(&self) -> TxHash {
        self.hash
    }
}
