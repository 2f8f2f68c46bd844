-- The same tables as in SQLite's folder. Texts that are keys or ordered by compare by their bytes (COLLATE "C"), as they
-- do there, whatever the database's own collation is.

CREATE TABLE counters (
    name  TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counters (name, value) VALUES ('event', 0);

CREATE TABLE documents (
    digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    body   TEXT NOT NULL
);

-- `first_version` is the first that belongs to the present life of the id: versions from before a deletion stay hidden.
CREATE TABLE workflows (
    id             TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    user_id        TEXT   COLLATE "C" NOT NULL,
    name           TEXT   COLLATE "C" NOT NULL,
    first_version  BIGINT NOT NULL,
    latest_version BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    deleted_at     BIGINT
);

CREATE INDEX workflows_by_update ON workflows (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX workflows_by_user ON workflows (user_id, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE workflow_versions (
    workflow_id TEXT   COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    user_id     TEXT   COLLATE "C" NOT NULL,
    name        TEXT   COLLATE "C" NOT NULL,
    digest      TEXT   COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (workflow_id, version)
);

CREATE TABLE jobs (
    id           TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    user_id      TEXT   COLLATE "C" NOT NULL,
    type         TEXT   COLLATE "C" NOT NULL,
    queue        TEXT   COLLATE "C" NOT NULL,
    status       TEXT   COLLATE "C" NOT NULL,
    priority     BIGINT NOT NULL,
    run_at       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    takeovers    BIGINT NOT NULL,
    lease_owner  TEXT   COLLATE "C",
    lease_until  BIGINT,
    execution_id TEXT   COLLATE "C",
    error        TEXT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    started_at   BIGINT,
    ended_at     BIGINT
);

CREATE INDEX jobs_to_claim ON jobs (priority DESC, created_at, id) WHERE status = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_owner) WHERE status = 'processing';

-- `options` is what an execution was asked besides its input (`{record, exchanges}`).
CREATE TABLE executions (
    id               TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    job_id           TEXT   COLLATE "C" NOT NULL,
    user_id          TEXT   COLLATE "C" NOT NULL,
    workflow_id      TEXT   COLLATE "C" NOT NULL,
    workflow_version BIGINT,
    document_digest  TEXT   COLLATE "C" NOT NULL,
    blocks           TEXT   NOT NULL,
    status           TEXT   COLLATE "C" NOT NULL,
    mode             TEXT   COLLATE "C" NOT NULL,
    variables        TEXT   NOT NULL,
    metadata         TEXT   NOT NULL,
    output           TEXT,
    error            TEXT,
    created_at       BIGINT NOT NULL,
    started_at       BIGINT,
    ended_at         BIGINT,
    options          TEXT
);

CREATE INDEX executions_by_age ON executions (created_at, id);
CREATE INDEX executions_by_workflow ON executions (workflow_id, created_at, id);
CREATE INDEX executions_by_user ON executions (user_id, created_at, id);
CREATE INDEX executions_by_status ON executions (status, created_at, id);

CREATE TABLE payloads (
    execution_id TEXT   COLLATE "C" NOT NULL,
    number       BIGINT NOT NULL,
    body         TEXT   NOT NULL,
    PRIMARY KEY (execution_id, number)
);

-- `exchanges` are the HTTP exchanges of a call, as JSON.
CREATE TABLE node_results (
    execution_id TEXT   COLLATE "C" NOT NULL,
    node_id      TEXT   COLLATE "C" NOT NULL,
    status       TEXT   COLLATE "C" NOT NULL,
    outputs      TEXT,
    error        TEXT,
    metadata     TEXT,
    logs         TEXT,
    logs_dropped BIGINT NOT NULL,
    retry_count  BIGINT NOT NULL,
    start_time   BIGINT,
    end_time     BIGINT,
    suspension   TEXT,
    items        TEXT,
    exchanges    TEXT,
    PRIMARY KEY (execution_id, node_id)
);

CREATE TABLE node_items (
    execution_id TEXT   COLLATE "C" NOT NULL,
    node_id      TEXT   COLLATE "C" NOT NULL,
    item         BIGINT NOT NULL,
    status       TEXT   COLLATE "C" NOT NULL,
    outputs      TEXT,
    error        TEXT,
    metadata     TEXT,
    logs         TEXT,
    logs_dropped BIGINT NOT NULL,
    retry_count  BIGINT NOT NULL,
    start_time   BIGINT,
    end_time     BIGINT,
    suspension   TEXT,
    exchanges    TEXT,
    PRIMARY KEY (execution_id, node_id, item)
);

CREATE TABLE events (
    position     BIGINT NOT NULL PRIMARY KEY,
    execution_id TEXT   COLLATE "C" NOT NULL,
    seq          BIGINT NOT NULL,
    timestamp    BIGINT NOT NULL,
    event        TEXT   COLLATE "C" NOT NULL,
    node_id      TEXT   COLLATE "C",
    message      TEXT   NOT NULL,
    progress     BIGINT NOT NULL,
    data         TEXT
);

CREATE INDEX events_by_execution ON events (execution_id, position);
-- Two processes that both think that an execution is theirs must not both number its entries.
CREATE UNIQUE INDEX events_by_seq ON events (execution_id, seq);

-- `owner` is `shared` or `user:ID`. `value` (ciphertext with its tag) and `nonce` are base64; `key_id` names the master
-- key that they are under. `hosts` and `blocks` are JSON arrays; they are bound to the ciphertext.
CREATE TABLE secrets (
    owner      TEXT   COLLATE "C" NOT NULL,
    name       TEXT   COLLATE "C" NOT NULL,
    value      TEXT   NOT NULL,
    nonce      TEXT   COLLATE "C" NOT NULL,
    key_id     TEXT   COLLATE "C" NOT NULL,
    hosts      TEXT   NOT NULL,
    blocks     TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
);

CREATE TABLE audit_log (
    id      TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    user_id TEXT   COLLATE "C" NOT NULL,
    action  TEXT   COLLATE "C" NOT NULL,
    subject TEXT   COLLATE "C" NOT NULL,
    details TEXT
);

CREATE INDEX audit_log_by_time ON audit_log (at, id);
