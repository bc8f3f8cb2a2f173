-- Organizations, credentials, idempotency, signing keys, the log, the outbox and leases.
-- Instants are microseconds since the epoch, UTC; booleans are 0 or 1; documents are JSON text.

CREATE TABLE organization (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    baa_signed_at BIGINT,
    baa_sha256 TEXT,
    suspended BIGINT NOT NULL CHECK (suspended IN (0, 1)),
    created_at BIGINT NOT NULL
);

-- One id per role; the organization's own id is the first of them.
CREATE TABLE organization_role (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    role TEXT NOT NULL,
    UNIQUE (organization_id, role)
);

CREATE TABLE access_request (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    organization TEXT NOT NULL,
    email TEXT NOT NULL,
    roles TEXT NOT NULL,
    country TEXT NOT NULL,
    baa_signed BIGINT NOT NULL CHECK (baa_signed IN (0, 1)),
    note TEXT,
    organization_id TEXT,
    created_at BIGINT NOT NULL,
    decided_at BIGINT
);

-- organization_id is null for keys of the instance itself (admin).
CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT REFERENCES organization (id),
    scopes TEXT NOT NULL,
    allowed_ips TEXT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_key_by_organization ON api_key (organization_id, id);

-- Secrets are stored as SHA-256 only. A rotated secret keeps working until expires_at.
CREATE TABLE api_key_secret (
    digest BYTEA NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_key (id),
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX api_key_secret_by_key ON api_key_secret (key_id);

CREATE TABLE access_token (
    digest BYTEA NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_key (id),
    scopes TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_token_by_expiry ON access_token (expires_at);

-- The answer of a request that named an idempotency key: sealed, and bound to its owner and key.
CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    operation TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, idempotency_key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Events of exact sliding windows that are counted inside an operation. seq is dense per bucket.
CREATE TABLE rate_hit (
    bucket TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (bucket, seq)
);
CREATE INDEX rate_hit_by_time ON rate_hit (bucket, at, seq);

-- Signing keys of every purpose; the seed is sealed and bound to its id.
CREATE TABLE signing_key (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    sealed_seed BYTEA NOT NULL,
    not_before BIGINT,
    changed_at BIGINT NOT NULL,
    retired_at BIGINT,
    -- "revoked_at/recorded_at" pairs in microseconds, in the order recorded, separated by spaces.
    revocations TEXT NOT NULL,
    reason TEXT
);
CREATE INDEX signing_key_by_purpose ON signing_key (purpose, state);

-- One row per entry of the log. log_index is null until the sequencer integrates the entry.
-- details and salt open the commitment; they can be erased while the tree stands.
CREATE TABLE log_entry (
    id TEXT NOT NULL PRIMARY KEY,
    log_index BIGINT UNIQUE,
    at BIGINT NOT NULL,
    op TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    details_digest TEXT NOT NULL,
    commitment BYTEA NOT NULL,
    leaf_hash BYTEA NOT NULL,
    organization_id TEXT,
    details TEXT,
    salt BYTEA
);
CREATE INDEX log_entry_by_organization ON log_entry (organization_id, id);
CREATE INDEX log_entry_by_subject ON log_entry (subject, id);
CREATE INDEX log_entry_by_leaf_hash ON log_entry (leaf_hash);

-- Tiles as they grow: level -1 holds entries (32-byte commitments), level 0 leaf hashes, level L the roots
-- of complete subtrees of 256^L leaves. A row of full width never changes again.
CREATE TABLE log_tile (
    level BIGINT NOT NULL,
    tile_index BIGINT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (level, tile_index)
);

-- Every checkpoint this log signed.
CREATE TABLE log_checkpoint (
    size BIGINT NOT NULL PRIMARY KEY,
    root BYTEA NOT NULL,
    note TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);

-- The newest checkpoint of other logs that this instance cosigned as a witness.
CREATE TABLE witness_checkpoint (
    origin TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note TEXT NOT NULL
);

CREATE TABLE outbox_event (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    organization_id TEXT,
    subject TEXT NOT NULL,
    at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    relayed_at BIGINT
);
CREATE INDEX outbox_event_by_organization ON outbox_event (organization_id, id);
CREATE INDEX outbox_event_waiting ON outbox_event (relayed_at, id);

CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
);

-- Small facts of the instance: the sandbox clock, the identity of this database.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Letters to people. The text is sealed, bound to its row, and erased once it is sent.
CREATE TABLE mail (
    id TEXT NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    sealed BYTEA,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    useless_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    sent_at BIGINT,
    problem TEXT
);
CREATE INDEX mail_waiting ON mail (state, next_attempt_at);
CREATE INDEX mail_by_recipient ON mail (recipient, id);

-- Links by which an approved asker fetches the first key: one for each request, gone once it was used.
CREATE TABLE first_key_link (
    digest BYTEA NOT NULL PRIMARY KEY,
    access_request_id TEXT NOT NULL REFERENCES access_request (id),
    organization_id TEXT NOT NULL REFERENCES organization (id),
    expires_at BIGINT NOT NULL
);
CREATE INDEX first_key_link_by_request ON first_key_link (access_request_id);
