-- Components that were uploaded, in parts, so that none holds up other writes for long.
CREATE TABLE components (
    digest     TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    bytes      BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE component_parts (
    digest  TEXT   COLLATE "C" NOT NULL,
    number  BIGINT NOT NULL,
    content BYTEA  NOT NULL,
    PRIMARY KEY (digest, number)
);

-- `status` is `compiling`, `ready` or `failed`. While it compiles, the process `owner` works on it until `claimed_until`,
-- and another takes over after that. `error` is a JSON object.
CREATE TABLE block_uploads (
    id            TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    user_id       TEXT   COLLATE "C" NOT NULL,
    digest        TEXT   COLLATE "C" NOT NULL,
    bytes         BIGINT NOT NULL,
    status        TEXT   COLLATE "C" NOT NULL,
    type          TEXT   COLLATE "C",
    version       TEXT   COLLATE "C",
    error         TEXT,
    owner         TEXT   COLLATE "C",
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
    type           TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    user_id        TEXT   COLLATE "C" NOT NULL,
    active_version TEXT   COLLATE "C",
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);

CREATE TABLE block_versions (
    type       TEXT   COLLATE "C" NOT NULL,
    version    TEXT   COLLATE "C" NOT NULL,
    digest     TEXT   COLLATE "C" NOT NULL,
    bytes      BIGINT NOT NULL,
    manifest   TEXT   NOT NULL,
    reveals    BIGINT NOT NULL,
    user_id    TEXT   COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it was first activated.
    activated_at BIGINT,
    PRIMARY KEY (type, version)
);

CREATE INDEX block_versions_by_digest ON block_versions (digest);

-- What types may do, in place of what a built-in one comes with.
CREATE TABLE block_grants (
    type       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    rules      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);
