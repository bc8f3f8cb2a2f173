//! Payment authorizations: EIP-3009 messages, signed as EIP-712 typed data.

use aegis_wallet::address::Address;
use aegis_wallet::amount::Atoms;
use alloy::primitives::U256;
use alloy::sol_types::{Eip712Domain, SolCall as _, SolStruct};

use crate::convert::{integer, to_chain};
use crate::key::{AccountKey, KeySignature, NotAKey};
use crate::token::Erc20;

mod message {
    alloy::sol! {
        struct TransferWithAuthorization {
            address from;
            address to;
            uint256 value;
            uint256 validAfter;
            uint256 validBefore;
            bytes32 nonce;
        }
        struct ReceiveWithAuthorization {
            address from;
            address to;
            uint256 value;
            uint256 validAfter;
            uint256 validBefore;
            bytes32 nonce;
        }
        struct CancelAuthorization {
            address authorizer;
            bytes32 nonce;
        }
    }
}

/// The EIP-712 domain of a token contract: without the right one no signature is valid there, or anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDomain {
    /// `name`
    pub name: String,
    /// `version`
    pub version: String,
    /// `chainId`
    pub chain_id: u64,
    /// `verifyingContract`
    pub contract: Address,
}

impl TokenDomain {
    fn typed(&self) -> Eip712Domain {
        Eip712Domain::new(
            Some(self.name.clone().into()),
            Some(self.version.clone().into()),
            Some(U256::from(self.chain_id)),
            Some(to_chain(self.contract)),
            None,
        )
    }

    /// The domain separator (EIP-712), which contracts show as `DOMAIN_SEPARATOR()`.
    pub fn separator(&self) -> [u8; 32] {
        self.typed().separator().0
    }

    fn digest(&self, message: &impl SolStruct) -> [u8; 32] {
        message.eip712_signing_hash(&self.typed()).0
    }
}

/// A payment authorization: whoever holds it signed can have the amount moved, once, in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentAuthorization {
    /// Whose money.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How much, in units of the contract.
    pub value: Atoms,
    /// Blocks later than this many seconds since 1970 may use it.
    pub valid_after: u64,
    /// Blocks earlier than this many seconds since 1970 may use it.
    pub valid_before: u64,
    /// Random; each may be used once for each payer.
    pub nonce: [u8; 32],
}

impl PaymentAuthorization {
    /// What is signed, for anyone to present: `TransferWithAuthorization`.
    pub fn digest(&self, domain: &TokenDomain) -> [u8; 32] {
        domain.digest(&message::TransferWithAuthorization {
            from: to_chain(self.from),
            to: to_chain(self.to),
            value: integer(self.value),
            validAfter: U256::from(self.valid_after),
            validBefore: U256::from(self.valid_before),
            nonce: self.nonce.into(),
        })
    }

    /// What is signed if only the payee may present it: `ReceiveWithAuthorization`.
    pub fn receive_digest(&self, domain: &TokenDomain) -> [u8; 32] {
        domain.digest(&message::ReceiveWithAuthorization {
            from: to_chain(self.from),
            to: to_chain(self.to),
            value: integer(self.value),
            validAfter: U256::from(self.valid_after),
            validBefore: U256::from(self.valid_before),
            nonce: self.nonce.into(),
        })
    }

    /// Signs it for anyone to present.
    ///
    /// # Errors
    /// [`NotAKey`]
    pub fn sign(&self, domain: &TokenDomain, key: &AccountKey) -> Result<KeySignature, NotAKey> {
        key.sign_digest(&self.digest(domain))
    }

    /// The call that presents it to the contract: `transferWithAuthorization`.
    pub fn present(&self, signature: &KeySignature) -> Vec<u8> {
        let (r, s, v) = parts(signature);
        Erc20::transferWithAuthorizationCall {
            from: to_chain(self.from),
            to: to_chain(self.to),
            value: integer(self.value),
            validAfter: U256::from(self.valid_after),
            validBefore: U256::from(self.valid_before),
            nonce: self.nonce.into(),
            v,
            r: r.into(),
            s: s.into(),
        }
        .abi_encode()
    }

    /// The call with which the payee presents it: `receiveWithAuthorization`.
    pub fn receive(&self, signature: &KeySignature) -> Vec<u8> {
        let (r, s, v) = parts(signature);
        Erc20::receiveWithAuthorizationCall {
            from: to_chain(self.from),
            to: to_chain(self.to),
            value: integer(self.value),
            validAfter: U256::from(self.valid_after),
            validBefore: U256::from(self.valid_before),
            nonce: self.nonce.into(),
            v,
            r: r.into(),
            s: s.into(),
        }
        .abi_encode()
    }
}

/// The end of an authorization that was not used yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancellation {
    /// Whose authorization.
    pub authorizer: Address,
    /// Its nonce.
    pub nonce: [u8; 32],
}

impl Cancellation {
    /// What is signed.
    pub fn digest(&self, domain: &TokenDomain) -> [u8; 32] {
        domain.digest(&message::CancelAuthorization {
            authorizer: to_chain(self.authorizer),
            nonce: self.nonce.into(),
        })
    }

    /// The call that presents it: `cancelAuthorization`.
    pub fn present(&self, signature: &KeySignature) -> Vec<u8> {
        let (r, s, v) = parts(signature);
        Erc20::cancelAuthorizationCall {
            authorizer: to_chain(self.authorizer),
            nonce: self.nonce.into(),
            v,
            r: r.into(),
            s: s.into(),
        }
        .abi_encode()
    }
}

fn parts(signature: &KeySignature) -> ([u8; 32], [u8; 32], u8) {
    let KeySignature(bytes) = signature;
    let (mut r, mut s) = ([0; 32], [0; 32]);
    for ((r, s), (left, right)) in r.iter_mut().zip(s.iter_mut()).zip(bytes.iter().zip(bytes.iter().skip(32)))
    {
        (*r, *s) = (*left, *right);
    }
    (r, s, signature.v())
}
