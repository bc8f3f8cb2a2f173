-- Webhook endpoints, their secrets, deliveries and attempts; the order of events.

-- Given when an event is relayed: the order in which events can be read, dense over the instance.
ALTER TABLE outbox_event ADD COLUMN position INTEGER;
CREATE UNIQUE INDEX outbox_event_by_position ON outbox_event (position);
CREATE INDEX outbox_event_feed ON outbox_event (organization_id, position);
CREATE INDEX outbox_event_by_age ON outbox_event (at);

-- The URL is sealed, because its path or query may be the receiver's secret. events: names separated by spaces, or "*".
-- disabled_reason is null while the endpoint is enabled.
CREATE TABLE webhook_endpoint (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    sealed_url BLOB NOT NULL,
    description TEXT,
    events TEXT NOT NULL,
    ordered INTEGER NOT NULL CHECK (ordered IN (0, 1)),
    signs_v1a INTEGER NOT NULL CHECK (signs_v1a IN (0, 1)),
    disabled_reason TEXT,
    failing_since INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_endpoint_by_organization ON webhook_endpoint (organization_id, id);

-- sealed: 32 bytes of the MAC key, then 32 of the Ed25519 seed. A rotated secret signs until expires_at.
CREATE TABLE webhook_secret (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    public_key BLOB NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (endpoint_id, version)
) STRICT;

-- One event for one endpoint. While it is pending, due_at is the next attempt, or the end of the lease of the present
-- one. tries counts the attempts of the present round; position is that of the event.
CREATE TABLE webhook_delivery (
    id TEXT NOT NULL PRIMARY KEY,
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    organization_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    UNIQUE (endpoint_id, event_id)
) STRICT;
CREATE INDEX webhook_delivery_due ON webhook_delivery (state, due_at);
CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (endpoint_id, id);
CREATE INDEX webhook_delivery_by_subject ON webhook_delivery (endpoint_id, subject, position);
CREATE INDEX webhook_delivery_ended ON webhook_delivery (ended_at);

-- status is null when no answer came; failure then says why. answer: its first bytes.
CREATE TABLE webhook_attempt (
    delivery_id TEXT NOT NULL REFERENCES webhook_delivery (id),
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,
    status INTEGER,
    failure TEXT,
    answer BLOB NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT;
