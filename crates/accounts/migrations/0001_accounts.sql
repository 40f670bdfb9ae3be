-- Accounts, their public keys, and one number that grows with every change.

CREATE TABLE revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    value    INTEGER NOT NULL
) STRICT;

INSERT INTO revision (only_row, value) VALUES (1, 0);

-- AUTOINCREMENT: an id is never given twice, so a live session of a removed account can never be
-- taken for a session of a later one.
CREATE TABLE account (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    home         BLOB,              -- bytes of an absolute path; NULL: the server's own root
    permissions  TEXT    NOT NULL,  -- the grammar of `Permissions`
    max_sessions INTEGER CHECK (max_sessions BETWEEN 1 AND 4294967295),
    password     TEXT,              -- argon2id in PHC form; NULL: no login by password
    revision     INTEGER NOT NULL,
    created      INTEGER NOT NULL   -- seconds since 1970, UTC
) STRICT;

CREATE TABLE public_key (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    wire        BLOB    NOT NULL,   -- the key as RFC 4253 §6.6 encodes it
    fingerprint TEXT    NOT NULL,   -- SHA256:… as OpenSSH prints it
    label       TEXT    NOT NULL,
    added       INTEGER NOT NULL,   -- seconds since 1970, UTC
    UNIQUE (account, fingerprint)
) STRICT;
