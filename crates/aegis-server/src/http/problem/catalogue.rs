//! Every kind of problem a client can meet: the one table behind statuses, titles, `/docs/errors` and
//! `api/problems.md`. A code is never renamed or reused; new ones are added.

use std::fmt;

use axum::http::StatusCode;

/// Declares the closed set and its columns, so that a code without status, title, meaning or remedy does
/// not compile.
macro_rules! problem_codes {
    ($($name:ident $text:literal $status:ident $title:literal
        means $meaning:literal
        do $remedy:literal;)+) => {
        /// The kind of a problem: what programs decide by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ProblemCode {
            $(#[doc = $meaning] $name,)+
        }

        impl ProblemCode {
            /// Every code, by status and then as declared.
            pub const ALL: &[ProblemCode] = &[$(ProblemCode::$name,)+];

            /// The code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(ProblemCode::$name => $text,)+ }
            }

            /// The one status this code is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(ProblemCode::$name => StatusCode::$status,)+ }
            }

            /// A few words that never change for this code.
            pub const fn title(self) -> &'static str {
                match self { $(ProblemCode::$name => $title,)+ }
            }

            /// What has happened, for developers.
            pub const fn meaning(self) -> &'static str {
                match self { $(ProblemCode::$name => $meaning,)+ }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(ProblemCode::$name => $remedy,)+ }
            }
        }
    };
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

problem_codes! {
    ValidationError "VALIDATION_ERROR" BAD_REQUEST "Invalid request"
        means "The body or the query could not be read, or breaks a rule of the endpoint. `details.violations` \
               lists every broken rule with a JSON Pointer to the place, the rule and a sentence."
        do "Correct every listed violation and send the request again. It will not succeed unchanged.";
    AmbiguousCredentials "AMBIGUOUS_CREDENTIALS" BAD_REQUEST "Two different credentials"
        means "The request carries two credentials that are not the same, for example an `X-API-Key` and a \
               bearer token of another key."
        do "Send exactly one credential.";
    Unauthorized "UNAUTHORIZED" UNAUTHORIZED "No valid credential"
        means "The endpoint needs a credential and the request has none, or one that is mistyped, expired, \
               revoked or of another instance."
        do "Send your API key as `X-API-Key`, or a token from `POST /v1/auth/token` as `Authorization: Bearer`. \
            If a token expired, mint a new one.";
    InsufficientScope "INSUFFICIENT_SCOPE" FORBIDDEN "Scope missing"
        means "The key is valid, but does not hold the scope or the role this endpoint asks for; \
               `details.scope` names it."
        do "Use a key that holds the scope, or have one created with it.";
    OperatorMismatch "OPERATOR_MISMATCH" FORBIDDEN "Another operator"
        means "`operator_id` is not the operator the key belongs to."
        do "Send your own operator id, or use the key of the operator you mean.";
    OrganizationSuspended "ORGANIZATION_SUSPENDED" FORBIDDEN "Organization suspended"
        means "The organization of this key has been suspended; nothing it asks for is done."
        do "Contact whoever runs this instance.";
    KeyIpNotAllowed "KEY_IP_NOT_ALLOWED" FORBIDDEN "Address not allowed"
        means "The key may only be used from certain network addresses, and this is not one of them."
        do "Call from an allowed address, or change `allowedIps` of the key.";
    HttpsRequired "HTTPS_REQUIRED" FORBIDDEN "HTTPS required"
        means "The request reached the proxy in front of this server without TLS. Treat any credential it \
               carried as exposed."
        do "Use the `https` address. Rotate the key that was sent in the clear.";
    NotFound "NOT_FOUND" NOT_FOUND "Not found"
        means "No such path or object, or one that belongs to another organization: the two are answered alike."
        do "Check the path and the id. Ids are case-sensitive.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" METHOD_NOT_ALLOWED "Method not allowed"
        means "The path exists, but not with this method; the `Allow` header lists those that do."
        do "Use one of the methods in `Allow`.";
    AgentIdTaken "AGENT_ID_TAKEN" CONFLICT "Agent id in use"
        means "The proposed `agent_id` already names an agent that is not yours."
        do "Leave `agent_id` out to be given a new one, or propose another UUID.";
    AgentNameTaken "AGENT_NAME_TAKEN" CONFLICT "Agent name in use"
        means "Another of your agents that is not revoked has this `agent_name`."
        do "Choose another name, or revoke the agent that holds it.";
    AgentKeyInUse "AGENT_KEY_IN_USE" CONFLICT "Agent key in use"
        means "The public key is already bound to another agent. One key speaks for one agent."
        do "Generate a key pair for this agent.";
    AgentNotActive "AGENT_NOT_ACTIVE" CONFLICT "Agent not active"
        means "The agent is suspended or revoked; `details.status` says which. Revocation is final."
        do "Reinstate a suspended agent first; for a revoked one use a new agent.";
    PassportLimit "PASSPORT_LIMIT" CONFLICT "Too many passports"
        means "The agent already has 16 live passports, or the root passport has 100,000 live descendants."
        do "Revoke passports that are no longer used.";
    ParentNotUsable "PARENT_NOT_USABLE" CONFLICT "Parent passport not usable"
        means "The parent passport is expired, suspended, revoked or superseded, so nothing can be delegated \
               from it."
        do "Name a parent that is valid now.";
    DescendantsExist "DESCENDANTS_EXIST" CONFLICT "Live descendants"
        means "The passport has live descendants and the request said `cascade: false`. `details` has their \
               count and the first hundred ids."
        do "Revoke the descendants first, or send `cascade: true`.";
    StateConflict "STATE_CONFLICT" CONFLICT "Not possible in this state"
        means "The object is in a state that does not permit this, for example revoked."
        do "Read the object again and decide by its present state.";
    SequenceAhead "SEQUENCE_AHEAD" CONFLICT "Sequence ahead of the server"
        means "The client has seen a higher status sequence than the server knows: the server has lost data or \
               was rolled back."
        do "Do not trust answers of this server until its operator has explained the rollback.";
    NextKeyMismatch "NEXT_KEY_MISMATCH" CONFLICT "Not the announced key"
        means "The next signing key does not match the digest published in the key history."
        do "Rotate to the announced key, or follow the emergency procedure with the root keys.";
    DeltaGone "DELTA_GONE" GONE "Too old for a delta"
        means "The changes since the given sequence are no longer kept."
        do "Fetch the full list and continue from its sequence.";
    BodyTooLarge "BODY_TOO_LARGE" PAYLOAD_TOO_LARGE "Body too large"
        means "The request body is larger than this endpoint accepts; `details.max_bytes` is the bound."
        do "Send less, or split the request.";
    BatchTooLarge "BATCH_TOO_LARGE" PAYLOAD_TOO_LARGE "Too many items"
        means "The batch has more items than one request may carry."
        do "Split the batch.";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" UNSUPPORTED_MEDIA_TYPE "Content type not supported"
        means "The `Content-Type` of the body is missing or not one this endpoint reads; \
               `details.supported` lists those it does."
        do "Send `Content-Type: application/json` (in UTF-8) unless the endpoint says otherwise.";
    ProofOfPossessionRequired "PROOF_OF_POSSESSION_REQUIRED" UNPROCESSABLE_ENTITY "Proof of possession required"
        means "The agent key must be proven with a challenge, and the request has no `challenge_id` and \
               `challenge_signature`, or no key at all where one is compulsory."
        do "Take a challenge from `POST /api/agent/issue/challenge`, sign it with the agent's key and send both.";
    ProofOfPossessionInvalid "PROOF_OF_POSSESSION_INVALID" UNPROCESSABLE_ENTITY "Proof of possession invalid"
        means "`challenge_signature` is not the agent key's signature over the challenge and this very request. \
               The challenge is used up."
        do "Take a new challenge; sign the RFC 8785 bytes as its `instructions` say.";
    ChallengeUnknown "CHALLENGE_UNKNOWN" UNPROCESSABLE_ENTITY "Challenge not usable"
        means "The challenge is unknown, used, expired or another organization's."
        do "Take a new challenge and use it within two minutes.";
    WeakKey "WEAK_KEY" UNPROCESSABLE_ENTITY "Weak key"
        means "The public key is no Ed25519 key that can be relied on, for example a point of small order."
        do "Generate a fresh Ed25519 key pair.";
    CapabilityAttestationInvalid "CAPABILITY_ATTESTATION_INVALID" UNPROCESSABLE_ENTITY "Attestation invalid"
        means "`provider_signature` names a known attestation key, but does not hold for this request."
        do "Have the attestation made anew for this operator, model and issuer.";
    PolicyPackUnknown "POLICY_PACK_UNKNOWN" UNPROCESSABLE_ENTITY "Unknown policy pack"
        means "`policy_bundle` names a pack or a version that this instance does not have, or that was withdrawn."
        do "Choose packs from `GET /registry/policy-packs`.";
    PolicyPackViolation "POLICY_PACK_VIOLATION" UNPROCESSABLE_ENTITY "Policy pack violated"
        means "A chosen policy pack does not permit a passport like this one; `details.rules` lists pack, rule \
               and a stable code."
        do "Meet the listed rules, or choose packs that fit.";
    DelegationExceeded "DELEGATION_EXCEEDED" UNPROCESSABLE_ENTITY "Delegation exceeded"
        means "The passport would be stronger or longer-lived than its parent; `details.bounds` lists every \
               bound that is exceeded."
        do "Narrow the request to the parent's bounds.";
    IdempotencyConflict "IDEMPOTENCY_CONFLICT" UNPROCESSABLE_ENTITY "Idempotency key reused"
        means "The `Idempotency-Key` was used within the last 24 hours for a different request."
        do "Use a new key for a new intent; repeat a request only unchanged.";
    RateLimited "RATE_LIMITED" TOO_MANY_REQUESTS "Too many requests"
        means "A limit of this key or address is reached. The `RateLimit` headers show it."
        do "Wait as long as `Retry-After` says.";
    Internal "INTERNAL" INTERNAL_SERVER_ERROR "Internal error"
        means "A defect on our side. Nothing more is said here; the cause is in the server's log under the \
               request id."
        do "Repeat with the same `Idempotency-Key`; if it persists, report the request id.";
    Unavailable "UNAVAILABLE" SERVICE_UNAVAILABLE "Unavailable"
        means "The server is starting, overloaded or cannot reach its database."
        do "Repeat after `Retry-After` seconds, with the same `Idempotency-Key` if the request changes anything.";
    EmailNotConfigured "EMAIL_NOT_CONFIGURED" SERVICE_UNAVAILABLE "No mail server"
        means "This needs a letter to be sent, and the instance has no mail server to give it to. Nothing was done."
        do "Whoever runs the instance must set `mail.url` and `mail.from`; then send the request again.";
    SigningUnavailable "SIGNING_UNAVAILABLE" SERVICE_UNAVAILABLE "Signing unavailable"
        means "The signing key cannot be used at the moment. Nothing was issued."
        do "Repeat after `Retry-After` seconds.";
    ClockUnsafe "CLOCK_UNSAFE" SERVICE_UNAVAILABLE "Clock not trustworthy"
        means "The server's clock lies behind what it has already signed, so it changes nothing. Verification \
               goes on."
        do "Repeat later; whoever runs the instance must correct the clock.";
    LogRollback "LOG_ROLLBACK" SERVICE_UNAVAILABLE "Log rolled back"
        means "The stored log lies behind what a witness or a client has seen, so the server changes nothing."
        do "Whoever runs the instance must restore the newer state or accept the rollback explicitly.";
}
