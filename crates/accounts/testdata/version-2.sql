-- A database as the version before SFTP left it, its passwords hashed at the least cost.
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'accounts','2026-01-01 00:00:00',1,X'A68796A4C37E0560751BD7179FB1C27DFA469577DA9D70D3491974601A283AE99B398DC9200AF15B065DCF7FD71C744C',1);
INSERT INTO "_sqlx_migrations" VALUES(2,'certificates','2026-02-01 00:00:00',1,X'1700BDA0723931693F9689C0FC891177E17BE5DE954E2E880F52FFA81F67BB094631AB51D4239BFDD083CB3187912B35',1);
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
, certificate_use TEXT NOT NULL DEFAULT 'off'
    CHECK (certificate_use IN ('off', 'factor', 'login')), fxp INTEGER NOT NULL DEFAULT 0 CHECK (fxp IN (0, 1))) STRICT;
INSERT INTO "account" VALUES(1,'ann',1,X'2F7372762F616E6E','read-only,/in=upload-only',3,'$argon2id$v=19$m=8,t=1,p=1$RHHrNXeC2hugkaZZsAVk2w$KLCMgkIeTkgrJeIWcwKMHYIwd3YUuStWOIQ9pmZcztM',1,1700000000,'factor',1);
INSERT INTO "account" VALUES(2,'bob',0,NULL,'full',NULL,NULL,3,1700000000,'off',0);
CREATE TABLE certificate (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    certificate TEXT    NOT NULL,   -- as `CertificateMatch` is written: SHA256:… or a subject
    added       INTEGER NOT NULL,   -- seconds since 1970, UTC
    -- Not UNIQUE (certificate): the client names the account, so one certificate may open several.
    UNIQUE (account, certificate)
) STRICT;
INSERT INTO "certificate" VALUES(1,1,'SHA256:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07',1700000000);
CREATE TABLE public_key (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    wire        BLOB    NOT NULL,   -- the key as RFC 4253 §6.6 encodes it
    fingerprint TEXT    NOT NULL,   -- SHA256:… as OpenSSH prints it
    label       TEXT    NOT NULL,
    added       INTEGER NOT NULL,   -- seconds since 1970, UTC
    UNIQUE (account, fingerprint)
) STRICT;
INSERT INTO "public_key" VALUES(1,1,X'0000000B7373682D6564323535313900000020B7D2F29B92C159225ED2BEF2764D13508E16305F2DE68FC6F702044A0C32BB9D','SHA256:j0QXVpD3X7HEabsf66dJwOjO1upwOPjOJ8ot777M3rc','ann@example.org',1700000000);
CREATE TABLE revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    value    INTEGER NOT NULL
) STRICT;
INSERT INTO "revision" VALUES(1,6);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('account',3);
COMMIT;
