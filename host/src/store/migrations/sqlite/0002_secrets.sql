-- `owner` is `shared` or `user:ID`. `value` (ciphertext with its tag) and `nonce` are base64; `key_id` names the master
-- key that they are under. `hosts` and `blocks` are JSON arrays; they are bound to the ciphertext.
CREATE TABLE secrets (
    owner      TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    nonce      TEXT   NOT NULL,
    key_id     TEXT   NOT NULL,
    hosts      TEXT   NOT NULL,
    blocks     TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;

CREATE TABLE audit_log (
    id      TEXT   NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    user_id TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    details TEXT
);

CREATE INDEX audit_log_by_time ON audit_log (at, id);
