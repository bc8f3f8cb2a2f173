-- Organizations, credentials, idempotency, signing keys, the log, the outbox and leases.
-- Instants are microseconds since the epoch, UTC; booleans are 0 or 1; documents are JSON text.

CREATE TABLE organization (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    baa_signed_at INTEGER,
    baa_sha256 TEXT,
    suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

-- One id per role; the organization's own id is the first of them.
CREATE TABLE organization_role (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    role TEXT NOT NULL,
    UNIQUE (organization_id, role)
) STRICT;

CREATE TABLE access_request (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    organization TEXT NOT NULL,
    email TEXT NOT NULL,
    roles TEXT NOT NULL,
    country TEXT NOT NULL,
    baa_signed INTEGER NOT NULL CHECK (baa_signed IN (0, 1)),
    note TEXT,
    organization_id TEXT,
    created_at INTEGER NOT NULL,
    decided_at INTEGER
) STRICT;

-- organization_id is null for keys of the instance itself (admin).
CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT REFERENCES organization (id),
    scopes TEXT NOT NULL,
    allowed_ips TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_key_by_organization ON api_key (organization_id, id);

-- Secrets are stored as SHA-256 only. A rotated secret keeps working until expires_at.
CREATE TABLE api_key_secret (
    digest BLOB NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_key (id),
    hint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX api_key_secret_by_key ON api_key_secret (key_id);

CREATE TABLE access_token (
    digest BLOB NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_key (id),
    scopes TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX access_token_by_expiry ON access_token (expires_at);

-- The answer of a request that named an idempotency key: sealed, and bound to its owner and key.
CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    operation TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    answer BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, idempotency_key)
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Events of exact sliding windows that are counted inside an operation. seq is dense per bucket.
CREATE TABLE rate_hit (
    bucket TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (bucket, seq)
) STRICT;
CREATE INDEX rate_hit_by_time ON rate_hit (bucket, at, seq);

-- Signing keys of every purpose; the seed is sealed and bound to its id.
CREATE TABLE signing_key (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sealed_seed BLOB NOT NULL,
    not_before INTEGER,
    changed_at INTEGER NOT NULL,
    retired_at INTEGER,
    -- "revoked_at/recorded_at" pairs in microseconds, in the order recorded, separated by spaces.
    revocations TEXT NOT NULL,
    reason TEXT
) STRICT;
CREATE INDEX signing_key_by_purpose ON signing_key (purpose, state);

-- One row per entry of the log. log_index is null until the sequencer integrates the entry.
-- details and salt open the commitment; they can be erased while the tree stands.
CREATE TABLE log_entry (
    id TEXT NOT NULL PRIMARY KEY,
    log_index INTEGER UNIQUE,
    at INTEGER NOT NULL,
    op TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    details_digest TEXT NOT NULL,
    commitment BLOB NOT NULL,
    leaf_hash BLOB NOT NULL,
    organization_id TEXT,
    details TEXT,
    salt BLOB
) STRICT;
CREATE INDEX log_entry_by_organization ON log_entry (organization_id, id);
CREATE INDEX log_entry_by_subject ON log_entry (subject, id);
CREATE INDEX log_entry_by_leaf_hash ON log_entry (leaf_hash);

-- Tiles as they grow: level -1 holds entries (32-byte commitments), level 0 leaf hashes, level L the roots
-- of complete subtrees of 256^L leaves. A row of full width never changes again.
CREATE TABLE log_tile (
    level INTEGER NOT NULL,
    tile_index INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (level, tile_index)
) STRICT;

-- Every checkpoint this log signed.
CREATE TABLE log_checkpoint (
    size INTEGER NOT NULL PRIMARY KEY,
    root BLOB NOT NULL,
    note TEXT NOT NULL,
    signed_at INTEGER NOT NULL
) STRICT;

-- The newest checkpoint of other logs that this instance cosigned as a witness.
CREATE TABLE witness_checkpoint (
    origin TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL
) STRICT;

CREATE TABLE outbox_event (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    organization_id TEXT,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    payload TEXT NOT NULL,
    relayed_at INTEGER
) STRICT;
CREATE INDEX outbox_event_by_organization ON outbox_event (organization_id, id);
CREATE INDEX outbox_event_waiting ON outbox_event (relayed_at, id);

CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT;

-- Small facts of the instance: the sandbox clock, the identity of this database.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Letters to people. The text is sealed, bound to its row, and erased once it is sent.
CREATE TABLE mail (
    id TEXT NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    sealed BLOB,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    useless_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    sent_at INTEGER,
    problem TEXT
) STRICT;
CREATE INDEX mail_waiting ON mail (state, next_attempt_at);
CREATE INDEX mail_by_recipient ON mail (recipient, id);

-- Links by which an approved asker fetches the first key: one for each request, gone once it was used.
CREATE TABLE first_key_link (
    digest BLOB NOT NULL PRIMARY KEY,
    access_request_id TEXT NOT NULL REFERENCES access_request (id),
    organization_id TEXT NOT NULL REFERENCES organization (id),
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX first_key_link_by_request ON first_key_link (access_request_id);
