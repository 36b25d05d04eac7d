-- What the ledger of `resilience` keeps, version 1. Run it by a role that may create tables, in the schema that the URL
-- names (`schema=`) or that comes first in the search path. Whoever runs the service needs SELECT, INSERT, UPDATE and
-- DELETE on the tables, and USAGE on the sequence.

-- Fencing tokens. They rise over the removal of a record.
CREATE SEQUENCE IF NOT EXISTS resilience_fence;

CREATE TABLE IF NOT EXISTS resilience_record (
    -- 32 bytes: a hash over the name of the site, the scope and the key.
    key bytea PRIMARY KEY,
    -- The name of the site and the key as written, for people.
    site text NOT NULL,
    text text NOT NULL,
    -- 16 bytes, made by the client; empty where an operator has decided.
    owner bytea NOT NULL,
    fence int8 NOT NULL,
    attempt int8 NOT NULL,
    fingerprint bytea,
    -- Of the results of the site.
    version int8 NOT NULL,
    ttl_ms int8 NOT NULL,
    at_most_once bool NOT NULL,
    -- 0 running, 1 in doubt, 2 released, 3 done: a value, 4 done: an error, 5 done: the result is not kept.
    state int2 NOT NULL,
    -- Since when it is in its state.
    since timestamptz NOT NULL,
    -- A running claim is in doubt from here on.
    lease_until timestamptz NOT NULL,
    -- From here on there is no record, whether or not the row is still here. NULL: never.
    expires_at timestamptz,
    -- When the sweep looks at the row, in hours since 1970. Only claims and the sweep write it: a column of an index that
    -- a completion left alone is what keeps completions out of the index (heap-only updates).
    sweep_hour int8 NOT NULL,
    -- The result, as JSON in UTF-8.
    body bytea
);

CREATE INDEX IF NOT EXISTS resilience_record_sweep ON resilience_record (sweep_hour);

-- Limits of the fleet.
CREATE TABLE IF NOT EXISTS resilience_quota (
    -- 32 bytes: a hash over the name of the limit, and its key.
    quota bytea PRIMARY KEY,
    -- When all permits are back if nobody comes, in microseconds since 1970. From then on the row is not needed.
    arrival int8 NOT NULL,
    -- What the last draw was given.
    granted int8 NOT NULL,
    -- When the sweep looks at the row, in hours since 1970. It changes once an hour, so that draws stay out of the index.
    sweep_hour int8 NOT NULL
);

CREATE INDEX IF NOT EXISTS resilience_quota_sweep ON resilience_quota (sweep_hour);

CREATE TABLE IF NOT EXISTS resilience_schema (
    single bool PRIMARY KEY DEFAULT true CHECK (single),
    version int8 NOT NULL
);

INSERT INTO resilience_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
