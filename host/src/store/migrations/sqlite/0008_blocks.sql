-- Components that were uploaded, in parts, so that none holds up other writes for long.
CREATE TABLE components (
    digest     TEXT   NOT NULL PRIMARY KEY,
    bytes      BIGINT NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE component_parts (
    digest  TEXT   NOT NULL,
    number  BIGINT NOT NULL,
    content BLOB   NOT NULL,
    PRIMARY KEY (digest, number)
);

-- `status` is `compiling`, `ready` or `failed`. While it compiles, the process `owner` works on it until `claimed_until`,
-- and another takes over after that. `error` is a JSON object.
CREATE TABLE block_uploads (
    id            TEXT   NOT NULL PRIMARY KEY,
    user_id       TEXT   NOT NULL,
    digest        TEXT   NOT NULL,
    bytes         BIGINT NOT NULL,
    status        TEXT   NOT NULL,
    type          TEXT,
    version       TEXT,
    error         TEXT,
    owner         TEXT,
    claimed_until BIGINT,
    takeovers     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE INDEX block_uploads_open ON block_uploads (claimed_until) WHERE status = 'compiling';
CREATE INDEX block_uploads_ended ON block_uploads (updated_at) WHERE status <> 'compiling';
CREATE INDEX block_uploads_by_digest ON block_uploads (digest);

-- A type belongs to the user who first uploaded it.
CREATE TABLE blocks (
    type           TEXT   NOT NULL PRIMARY KEY,
    user_id        TEXT   NOT NULL,
    active_version TEXT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE block_versions (
    type       TEXT   NOT NULL,
    version    TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    bytes      BIGINT NOT NULL,
    manifest   TEXT   NOT NULL,
    reveals    BIGINT NOT NULL,
    user_id    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it was first activated.
    activated_at BIGINT,
    PRIMARY KEY (type, version)
) WITHOUT ROWID;

CREATE INDEX block_versions_by_digest ON block_versions (digest);

-- What types may do, in place of what a built-in one comes with.
CREATE TABLE block_grants (
    type       TEXT   NOT NULL PRIMARY KEY,
    rules      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
) WITHOUT ROWID;
