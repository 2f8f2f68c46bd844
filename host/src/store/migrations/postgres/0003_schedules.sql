-- Workflows that start by themselves. Either `cron` or `run_at` is given. `next_at` is NULL if nothing is due any more;
-- `waiting` is a JSON list of due times that wait for the last job to end. `revision` goes up with each change, so that
-- a due time is fired once, whoever looks.
CREATE TABLE schedules (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id          TEXT COLLATE "C" NOT NULL,
    workflow_id      TEXT COLLATE "C" NOT NULL,
    workflow_version BIGINT,
    cron             TEXT,
    run_at           BIGINT,
    timezone         TEXT   NOT NULL,
    input            TEXT   NOT NULL,
    mode             TEXT   NOT NULL,
    variables        TEXT,
    catch_up         TEXT   NOT NULL,
    overlap          TEXT   NOT NULL,
    active           BIGINT NOT NULL,
    next_at          BIGINT,
    waiting          TEXT,
    last_at          BIGINT,
    last_job_id      TEXT COLLATE "C",
    last_error       TEXT,
    revision         BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);

CREATE INDEX schedules_by_age ON schedules (created_at, id);
CREATE INDEX schedules_due ON schedules (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_waiting ON schedules (id) WHERE waiting IS NOT NULL;

-- Paths at which others start workflows. Of the token only the SHA-256 is kept.
CREATE TABLE triggers (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id          TEXT COLLATE "C" NOT NULL,
    token_hash       TEXT COLLATE "C" NOT NULL UNIQUE,
    workflow_id      TEXT COLLATE "C" NOT NULL,
    workflow_version BIGINT,
    mode             TEXT   NOT NULL,
    active           BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);

CREATE INDEX triggers_by_age ON triggers (created_at, id);
