-- Ids and JSON are TEXT, times are Unix milliseconds. What SQLite lays out its own way (a rowid that is the position,
-- tables without a rowid) stays in this folder: the queries are the same text for every database.

CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES ('event', 0);

CREATE TABLE documents (
    digest TEXT NOT NULL PRIMARY KEY,
    body   TEXT NOT NULL
);

-- `first_version` is the first that belongs to the present life of the id: versions from before a deletion stay hidden.
CREATE TABLE workflows (
    id             TEXT   NOT NULL PRIMARY KEY,
    user_id        TEXT   NOT NULL,
    name           TEXT   NOT NULL,
    first_version  BIGINT NOT NULL,
    latest_version BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    deleted_at     BIGINT
);

CREATE INDEX workflows_by_update ON workflows (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX workflows_by_user ON workflows (user_id, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE workflow_versions (
    workflow_id TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    user_id     TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (workflow_id, version)
) WITHOUT ROWID;

CREATE TABLE jobs (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    queue        TEXT   NOT NULL,
    status       TEXT   NOT NULL,
    priority     BIGINT NOT NULL,
    run_at       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    takeovers    BIGINT NOT NULL,
    lease_owner  TEXT,
    lease_until  BIGINT,
    execution_id TEXT,
    error        TEXT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    started_at   BIGINT,
    ended_at     BIGINT
);

CREATE INDEX jobs_to_claim ON jobs (priority DESC, created_at, id) WHERE status = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_owner) WHERE status = 'processing';

CREATE TABLE executions (
    id               TEXT   NOT NULL PRIMARY KEY,
    job_id           TEXT   NOT NULL,
    user_id          TEXT   NOT NULL,
    workflow_id      TEXT   NOT NULL,
    workflow_version BIGINT,
    document_digest  TEXT   NOT NULL,
    blocks           TEXT   NOT NULL,
    status           TEXT   NOT NULL,
    mode             TEXT   NOT NULL,
    variables        TEXT   NOT NULL,
    metadata         TEXT   NOT NULL,
    output           TEXT,
    error            TEXT,
    created_at       BIGINT NOT NULL,
    started_at       BIGINT,
    ended_at         BIGINT
);

CREATE INDEX executions_by_age ON executions (created_at, id);
CREATE INDEX executions_by_workflow ON executions (workflow_id, created_at, id);
CREATE INDEX executions_by_user ON executions (user_id, created_at, id);
CREATE INDEX executions_by_status ON executions (status, created_at, id);

CREATE TABLE payloads (
    execution_id TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    body         TEXT   NOT NULL,
    PRIMARY KEY (execution_id, number)
);

CREATE TABLE node_results (
    execution_id TEXT   NOT NULL,
    node_id      TEXT   NOT NULL,
    status       TEXT   NOT NULL,
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
    PRIMARY KEY (execution_id, node_id)
) WITHOUT ROWID;

CREATE TABLE node_items (
    execution_id TEXT   NOT NULL,
    node_id      TEXT   NOT NULL,
    item         BIGINT NOT NULL,
    status       TEXT   NOT NULL,
    outputs      TEXT,
    error        TEXT,
    metadata     TEXT,
    logs         TEXT,
    logs_dropped BIGINT NOT NULL,
    retry_count  BIGINT NOT NULL,
    start_time   BIGINT,
    end_time     BIGINT,
    suspension   TEXT,
    PRIMARY KEY (execution_id, node_id, item)
) WITHOUT ROWID;

CREATE TABLE events (
    position     INTEGER NOT NULL PRIMARY KEY,
    execution_id TEXT    NOT NULL,
    seq          BIGINT  NOT NULL,
    timestamp    BIGINT  NOT NULL,
    event        TEXT    NOT NULL,
    node_id      TEXT,
    message      TEXT    NOT NULL,
    progress     BIGINT  NOT NULL,
    data         TEXT
);

-- The position, being the rowid, is the index's last column by itself.
CREATE INDEX events_by_execution ON events (execution_id);
