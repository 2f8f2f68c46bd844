-- Events are of executions and of flows: `subject` is the id of either. Positions are multiples of 4: those between are
-- for what follows from an event (see domain/event.rs).
ALTER TABLE events RENAME COLUMN execution_id TO subject;
UPDATE counters SET value = (value / 4 + 1) * 4 WHERE name = 'event';
-- The last position that retention has removed.
INSERT INTO counters (name, value) VALUES ('event_floor', 0);

-- `payload` and `result` are of jobs without an execution, and of types whose payload is not the execution's input.
-- `fail_parent` is 1 if its failure is that of its parent.
ALTER TABLE jobs ADD COLUMN name TEXT;
ALTER TABLE jobs ADD COLUMN payload TEXT;
ALTER TABLE jobs ADD COLUMN result TEXT;
ALTER TABLE jobs ADD COLUMN flow_id TEXT;
ALTER TABLE jobs ADD COLUMN parent_id TEXT;
ALTER TABLE jobs ADD COLUMN fail_parent BIGINT;
ALTER TABLE jobs ADD COLUMN cancel_at BIGINT;
-- When its flow was told of its end.
ALTER TABLE jobs ADD COLUMN flow_told BIGINT;
-- Nodes that had ended when it was last taken over.
ALTER TABLE jobs ADD COLUMN settled_nodes BIGINT NOT NULL DEFAULT 0;

DROP INDEX jobs_to_claim;
DROP INDEX jobs_leased;
CREATE INDEX jobs_to_claim ON jobs (queue, priority DESC, created_at, id) WHERE status = 'pending';
CREATE INDEX jobs_processing ON jobs (queue, user_id) WHERE status = 'processing';
CREATE INDEX jobs_delayed ON jobs (run_at) WHERE status = 'delayed';
CREATE INDEX jobs_by_status ON jobs (status, id, type);
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX jobs_by_flow ON jobs (flow_id, status) WHERE flow_id IS NOT NULL;
CREATE INDEX jobs_untold ON jobs (flow_id, id)
    WHERE flow_id IS NOT NULL AND ended_at IS NOT NULL AND flow_told IS NULL;
CREATE INDEX jobs_waiting ON jobs (status, flow_id, id) WHERE status = 'waiting-children';
CREATE INDEX jobs_by_parent ON jobs (parent_id, status) WHERE parent_id IS NOT NULL;

CREATE TABLE queues (
    name      TEXT NOT NULL PRIMARY KEY,
    paused_at BIGINT
) WITHOUT ROWID;

-- `seq` is the number of its last event.
CREATE TABLE flows (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    root_id    TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    total      BIGINT NOT NULL,
    completed  BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at   BIGINT
);

CREATE INDEX flows_open ON flows (updated_at) WHERE ended_at IS NULL;

-- What a key was used for: the same key gives back the same thing. `fingerprint` is that of the request.
CREATE TABLE idempotency_keys (
    user_id     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    resource_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, key)
) WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- A job that runs an execution has its id.
UPDATE jobs SET id = execution_id WHERE execution_id IS NOT NULL;
UPDATE executions SET job_id = id;
