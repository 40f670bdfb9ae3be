-- Client certificates: those an account is known by, and what they are good for. And whether an
-- account may have files sent between two servers.

ALTER TABLE account ADD COLUMN certificate_use TEXT NOT NULL DEFAULT 'off'
    CHECK (certificate_use IN ('off', 'factor', 'login'));

ALTER TABLE account ADD COLUMN fxp INTEGER NOT NULL DEFAULT 0 CHECK (fxp IN (0, 1));

CREATE TABLE certificate (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    certificate TEXT    NOT NULL,   -- as `CertificateMatch` is written: SHA256:… or a subject
    added       INTEGER NOT NULL,   -- seconds since 1970, UTC
    -- Not UNIQUE (certificate): the client names the account, so one certificate may open several.
    UNIQUE (account, certificate)
) STRICT;
