-- Up to where the log of events was looked at for webhooks, and the number of changes of webhooks so far.
INSERT INTO counters (name, value) VALUES ('webhook_cursor', 0);
INSERT INTO counters (name, value) VALUES ('webhook_change', 0);

-- `secret` (ciphertext with its tag) and `nonce` are base64, `key_id` names the master key that they are under; the id is
-- bound to the ciphertext. `events` is a JSON array. `state` is `active`, `inactive`, or `ended`: of a job's own webhook,
-- when the job has ended; what waits then is still delivered. It gets events after `after_position`. `change` is the number
-- of its last change.
CREATE TABLE webhooks (
    id             TEXT   NOT NULL PRIMARY KEY,
    user_id        TEXT   NOT NULL,
    job_id         TEXT,
    url            TEXT   NOT NULL,
    events         TEXT   NOT NULL,
    secret         TEXT   NOT NULL,
    nonce          TEXT   NOT NULL,
    key_id         TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    after_position BIGINT NOT NULL,
    change         BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);

CREATE INDEX webhooks_by_time ON webhooks (created_at, id) WHERE job_id IS NULL;
CREATE INDEX webhooks_by_job ON webhooks (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX webhooks_active ON webhooks (state) WHERE job_id IS NULL;
CREATE INDEX webhooks_active_by_change ON webhooks (change) WHERE state = 'active' AND job_id IS NOT NULL;

-- `body` lacks what is looked up when it is sent: the result or error of a job.
CREATE TABLE webhook_deliveries (
    id              TEXT   NOT NULL PRIMARY KEY,
    webhook_id      TEXT   NOT NULL,
    job_id          TEXT   NOT NULL,
    event           TEXT   NOT NULL,
    position        BIGINT NOT NULL,
    body            TEXT   NOT NULL,
    status          TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    response_status BIGINT,
    error           TEXT,
    created_at      BIGINT NOT NULL,
    attempted_at    BIGINT,
    delivered_at    BIGINT
);

CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_by_job ON webhook_deliveries (job_id);
