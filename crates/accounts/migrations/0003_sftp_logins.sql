-- What logins by SSH need: how long and from where an account may come, what is enough to let it
-- in, a file of keys, one-time codes. The first two hold for every protocol.

ALTER TABLE account ADD COLUMN expires INTEGER;             -- seconds since 1970, UTC; NULL: never

ALTER TABLE account ADD COLUMN networks TEXT NOT NULL DEFAULT '';   -- CIDR, with commas; '': any

ALTER TABLE account ADD COLUMN login TEXT;                  -- the grammar of `LoginRule`; NULL: any

ALTER TABLE account ADD COLUMN scp INTEGER NOT NULL DEFAULT 0 CHECK (scp IN (0, 1));

ALTER TABLE account ADD COLUMN authorized_keys BLOB;        -- bytes of an absolute path; NULL: none

-- Beside the account, so that a code that was used is no change of the account.
CREATE TABLE totp (
    account       INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    secret        BLOB    NOT NULL CHECK (length(secret) = 20),
    used_step     INTEGER NOT NULL,   -- the step of RFC 6238 whose code was used last
    failures      INTEGER NOT NULL,   -- wrong codes, one after the other
    failing_since INTEGER NOT NULL,   -- the first of them, seconds since 1970, UTC
    refused_until INTEGER NOT NULL,   -- no code is looked at before
    enrolled      INTEGER NOT NULL    -- seconds since 1970, UTC
) STRICT;

CREATE TABLE recovery_code (
    account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),   -- SHA-256 of its 80 random bits
    PRIMARY KEY (account, digest)
) STRICT;
