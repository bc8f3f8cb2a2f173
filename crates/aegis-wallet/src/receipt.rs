//! Receipts: what an action came to, signed, for anyone to check offline.
//!
//! This is the payload; signing is the keyring's. An agent's receipts are a chain: each names the one before.

use aegis_core::canonical::{self, NotCanonical};
use aegis_core::closed_set;
use aegis_core::crypto::digest::Digest;
use aegis_core::id::{AgentId, LogEntryId};
use aegis_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::action::ActionStatus;
use crate::address::{Address, TxHash};
use crate::amount::Atoms;
use crate::asset::Asset;
use crate::ids::{ActionId, ApproverId, SpendingPolicyId};
use crate::policy::rules::Rule;

/// The `typ` of the signature that carries a receipt.
pub const TYP: &str = "aegis-receipt+jws";

closed_set! {
    /// What was decided about an action.
    Outcome {
        /// The policy let it pass.
        Allowed = "allowed",
        /// People let it pass.
        Approved = "approved",
        /// The policy or the balance refused it.
        Refused = "refused",
        /// People refused it, or did not decide in time, or it was withdrawn.
        NotApproved = "not_approved",
    }
}

/// The decision a receipt vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Which policy.
    pub policy_id: SpendingPolicyId,
    /// In which version.
    pub policy_version: u32,
    /// On what facts.
    pub inputs_hash: Digest,
    /// What came of it.
    pub outcome: Outcome,
    /// The first rule that refused, if one did.
    pub rule: Option<Rule>,
    /// Who approved.
    pub approvals: Vec<ApproverId>,
}

/// What moved on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Of what, and where.
    pub asset: Asset,
    /// How much.
    pub atoms: Atoms,
    /// In which transaction.
    pub tx_hash: TxHash,
    /// In which block.
    pub block: u64,
}

/// Everything a receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The instance's origin.
    pub issuer: String,
    /// When it was made; whole seconds are written.
    pub issued_at: Timestamp,
    /// The action.
    pub action_id: ActionId,
    /// Whose.
    pub agent_id: AgentId,
    /// From which wallet.
    pub wallet: Address,
    /// The fingerprint of the request; none for what nobody requested.
    pub request_hash: Option<Digest>,
    /// The record key of the idempotency key; none without request.
    pub key_hash: Option<Digest>,
    /// What was decided; none for a deposit.
    pub decision: Option<Decision>,
    /// SHA-256 of each signed artefact, in order.
    pub artefacts: Vec<Digest>,
    /// What moved, if anything did.
    pub settlement: Option<Settlement>,
    /// SHA-256 of a service's response, if there is one.
    pub response_hash: Option<Digest>,
    /// The final status.
    pub status: ActionStatus,
    /// The receipt before; [`Digest::ZERO`] before the first.
    pub prev: Digest,
    /// The log entry of the action's end.
    pub log_entry: LogEntryId,
}

/// What the next receipt names as the one before: SHA-256 of the whole compact signature.
pub fn link(jws: &str) -> Digest {
    Digest::of(&[jws.as_bytes()])
}

impl Receipt {
    /// The payload's bytes: RFC 8785 JSON, members that do not apply left out.
    ///
    /// # Errors
    /// [`NotCanonical`] for a block number beyond 2^53, which no chain has.
    pub fn to_payload(&self) -> Result<Vec<u8>, NotCanonical> {
        let text = |value: &dyn ToString| Value::from(value.to_string());
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            members.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("iss", Some(text(&self.issuer)));
        put("iat", Some(self.issued_at.as_seconds().into()));
        put("actionId", Some(text(&self.action_id)));
        put("agentId", Some(text(&self.agent_id)));
        put("walletAddress", Some(text(&self.wallet)));
        put("requestHash", self.request_hash.map(|hash| text(&hash)));
        put("idempotencyKeyHash", self.key_hash.map(|hash| text(&hash)));
        put("decision", self.decision.as_ref().map(Decision::to_value));
        put("artefactHashes", Some(self.artefacts.iter().map(ToString::to_string).collect()));
        put("settlement", self.settlement.as_ref().map(Settlement::to_value));
        put("responseHash", self.response_hash.map(|hash| text(&hash)));
        put("status", Some(text(&self.status)));
        put("prev", Some(text(&self.prev)));
        put("logEntry", Some(text(&self.log_entry)));
        canonical::to_bytes(&members)
    }
}

impl Decision {
    fn to_value(&self) -> Value {
        let mut value = json!({
            "policyId": self.policy_id.to_string(),
            "policyVersion": self.policy_version,
            "inputsHash": self.inputs_hash.to_string(),
            "outcome": self.outcome.as_str(),
            "approvals": self.approvals.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        if let (Some(members), Some(rule)) = (value.as_object_mut(), self.rule) {
            members.insert("rule".to_owned(), rule.as_str().into());
        }
        value
    }
}

impl Settlement {
    fn to_value(&self) -> Value {
        json!({
            "chain": self.asset.chain.as_str(),
            "txHash": self.tx_hash.to_string(),
            "block": self.block,
            "token": self.asset.coin.to_string(),
            "amount": self.atoms.to_decimal(self.asset.decimals),
        })
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::entropy::Entropy;
    use aegis_core::moment::Moment;

    use super::*;
    use crate::hold::tests::usdc;

    fn receipt(prev: Digest) -> Receipt {
        let now = Timestamp::from_micros(1_778_277_600_123_456);
        let mut moment = Moment::new(now, Entropy::from_seed([1; 32]));
        Receipt {
            issuer: "https://aegis.example".to_owned(),
            issued_at: now,
            action_id: moment.new_id(),
            agent_id: moment.new_id(),
            wallet: Address::from_bytes([1; 20]),
            request_hash: Some(Digest::of(&[b"request"])),
            key_hash: Some(Digest::of(&[b"key"])),
            decision: Some(Decision {
                policy_id: moment.new_id(),
                policy_version: 3,
                inputs_hash: Digest::of(&[b"inputs"]),
                outcome: Outcome::Refused,
                rule: Some(Rule::PerTx),
                approvals: vec![],
            }),
            artefacts: vec![],
            settlement: None,
            response_hash: None,
            status: ActionStatus::Failed,
            prev,
            log_entry: moment.new_id(),
        }
    }

    fn read(receipt: &Receipt) -> Value {
        serde_json::from_slice(&receipt.to_payload().unwrap()).unwrap()
    }

    /// Names and forms are the contract's; what does not apply is absent.
    #[test]
    fn payload_is_the_contracts() {
        let refused = read(&receipt(Digest::ZERO));
        let names: Vec<&str> = refused.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "actionId",
            "agentId",
            "artefactHashes",
            "decision",
            "iat",
            "idempotencyKeyHash",
            "iss",
            "logEntry",
            "prev",
            "requestHash",
            "status",
            "walletAddress",
        ];
        assert_eq!(names, expected);
        assert_eq!((&refused["iat"], &refused["status"]), (&json!(1_778_277_600), &json!("FAILED")));
        assert_eq!(refused["decision"]["rule"], "per_tx");
        assert_eq!(refused["prev"], format!("sha256:{}", "0".repeat(64)));
        let settlement = Settlement {
            asset: usdc(0).asset,
            atoms: Atoms::new(10_000_000),
            tx_hash: TxHash::from_bytes([7; 32]),
            block: 12,
        };
        let paid = Receipt { settlement: Some(settlement), decision: None, ..receipt(Digest::ZERO) };
        let paid = read(&paid);
        assert_eq!(paid["settlement"]["amount"], "10.00");
        assert_eq!(paid["settlement"]["chain"], "Arc_Testnet");
        assert!(paid.get("decision").is_none());
    }

    /// Invariant 24, the part of the rules: each receipt names the one before, so none can be left out unseen.
    #[test]
    fn receipts_are_a_chain() {
        let first = link("a.b.c");
        assert_eq!(read(&receipt(first))["prev"], Digest::of(&[b"a.b.c"]).to_string());
        assert_ne!(receipt(first).to_payload(), receipt(link("a.b.d")).to_payload());
    }
}
