-- Agents, passports, lineage, status and policy packs.

CREATE TABLE agent (
    id TEXT NOT NULL PRIMARY KEY,
    operator_id TEXT NOT NULL,
    agent_name TEXT,
    status TEXT NOT NULL,
    lineage_seq BIGINT NOT NULL,
    lineage_hash TEXT NOT NULL,
    revoked_at BIGINT,
    effective_from BIGINT,
    reason_code TEXT,
    revoke_log_entry TEXT,
    revoke_sequence BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX agent_by_operator ON agent (operator_id, id);
CREATE INDEX agent_by_name ON agent (operator_id, agent_name);

CREATE TABLE passport (
    id TEXT NOT NULL PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agent (id),
    operator_id TEXT NOT NULL,
    risk_classification TEXT NOT NULL,
    document TEXT NOT NULL,
    document_digest BYTEA NOT NULL,
    body_digest TEXT NOT NULL,
    key_id TEXT NOT NULL,
    lineage_seq BIGINT NOT NULL,
    lineage_hash TEXT NOT NULL,
    parent_id TEXT,
    root_id TEXT NOT NULL,
    issued_below BIGINT NOT NULL DEFAULT 0,
    supersedes TEXT,
    superseded_by TEXT,
    list BIGINT NOT NULL,
    list_index BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    revoked_at BIGINT,
    effective_from BIGINT,
    reason_code TEXT,
    reason_public TEXT,
    scope TEXT,
    sequence BIGINT,
    issue_log_entry TEXT NOT NULL,
    revoke_log_entry TEXT,
    UNIQUE (list, list_index)
);
CREATE INDEX passport_by_agent ON passport (agent_id, id);
CREATE INDEX passport_by_parent ON passport (parent_id);
CREATE INDEX passport_by_root ON passport (root_id, expires_at);
CREATE INDEX passport_by_sequence ON passport (sequence);
CREATE INDEX passport_by_revocation ON passport (revoke_log_entry);

-- One chain per agent; entry is the JSON document whose canonical bytes were hashed.
CREATE TABLE lineage_entry (
    agent_id TEXT NOT NULL REFERENCES agent (id),
    seq BIGINT NOT NULL,
    passport_id TEXT,
    entry TEXT NOT NULL,
    hash TEXT NOT NULL,
    log_entry TEXT NOT NULL,
    PRIMARY KEY (agent_id, seq)
);
CREATE INDEX lineage_entry_by_passport ON lineage_entry (passport_id);

-- One row per status change of one passport; sequence is dense over the instance.
CREATE TABLE status_event (
    sequence BIGINT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    passport_id TEXT NOT NULL REFERENCES passport (id),
    at BIGINT NOT NULL
);

-- How many indexes of a status list are taken; a new list opens at 75 %.
CREATE TABLE status_list (
    list BIGINT NOT NULL PRIMARY KEY,
    used BIGINT NOT NULL
);

CREATE TABLE policy_pack (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    status TEXT NOT NULL,
    released_at BIGINT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (name, version)
);

-- Which exact packs a policy_bundle_digest stands for.
CREATE TABLE policy_pin (
    digest TEXT NOT NULL PRIMARY KEY,
    pins TEXT NOT NULL
);

-- The signed key history, one row per version; the newest is published.
CREATE TABLE key_history (
    version BIGINT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
);

CREATE TABLE operator_limit (
    operator_id TEXT NOT NULL PRIMARY KEY,
    issue_per_hour BIGINT NOT NULL,
    amend_per_hour BIGINT NOT NULL
);
