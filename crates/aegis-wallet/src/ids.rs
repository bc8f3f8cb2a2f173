//! Names of what the wallet keeps. Agents and log entries are named by the shared vocabulary.

use aegis_core::id::Id;

aegis_core::id_kinds! {
    /// One action; its `auditId` is the same.
    ActionKind = "act_";
    /// One wallet.
    WalletKind = "wal_";
    /// One challenge by e-mail.
    MailChallengeKind = "chal_";
    /// One agent token.
    AgentTokenKind = "tok_";
    /// One approval.
    ApprovalKind = "apr_";
    /// One person who may approve.
    ApproverKind = "appr_";
    /// One spending policy.
    SpendingPolicyKind = "pol_";
    /// One lot of the tax ledger.
    LotKind = "lot_";
}

/// Names an action.
pub type ActionId = Id<ActionKind>;
/// Names a wallet.
pub type WalletId = Id<WalletKind>;
/// Names a challenge by e-mail.
pub type MailChallengeId = Id<MailChallengeKind>;
/// Names an agent token.
pub type AgentTokenId = Id<AgentTokenKind>;
/// Names an approval.
pub type ApprovalId = Id<ApprovalKind>;
/// Names a person who may approve.
pub type ApproverId = Id<ApproverKind>;
/// Names a spending policy.
pub type SpendingPolicyId = Id<SpendingPolicyKind>;
/// Names a lot of the tax ledger.
pub type LotId = Id<LotKind>;
