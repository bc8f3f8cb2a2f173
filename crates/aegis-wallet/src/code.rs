//! The words by which an action's refusals and failures are known to clients. Statuses are the server's business.

use aegis_core::closed_set;

closed_set! {
    /// A code an action can be answered with.
    Code {
        /// Fields of several kinds are wrong.
        ValidationError = "VALIDATION_ERROR",
        /// Only amounts are wrong.
        InvalidAmount = "INVALID_AMOUNT",
        /// Only addresses are wrong.
        InvalidAddress = "INVALID_ADDRESS",
        /// No rate values the amount.
        RateUnavailable = "RATE_UNAVAILABLE",
        /// Another nonce is next.
        NonceMismatch = "NONCE_MISMATCH",
        /// An equal action exists.
        DuplicateSuspected = "DUPLICATE_SUSPECTED",
        /// The policy refuses.
        PolicyViolation = "POLICY_VIOLATION",
        /// The wallet does not hold enough.
        InsufficientBalance = "INSUFFICIENT_BALANCE",
        /// A person said no.
        ApprovalDenied = "APPROVAL_DENIED",
        /// Nobody decided in time.
        ApprovalExpired = "APPROVAL_EXPIRED",
        /// The agent withdrew it.
        ActionCancelled = "ACTION_CANCELLED",
        /// It was committed, and the principal provably did not move.
        ExecutionFailed = "EXECUTION_FAILED",
    }
}

impl Code {
    /// Whether such an answer is final under its idempotency key. What is not stored may be tried again with the
    /// same key and nonce.
    pub const fn is_stored(self) -> bool {
        match self {
            Code::ValidationError
            | Code::InvalidAmount
            | Code::InvalidAddress
            | Code::RateUnavailable
            | Code::NonceMismatch
            | Code::DuplicateSuspected => false,
            Code::PolicyViolation
            | Code::InsufficientBalance
            | Code::ApprovalDenied
            | Code::ApprovalExpired
            | Code::ActionCancelled
            | Code::ExecutionFailed => true,
        }
    }
}
