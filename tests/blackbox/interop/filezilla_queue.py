"""Writes FileZilla's queue as FileZilla 3.63 keeps it; later versions convert it."""

import sqlite3
import sys

path, protocol, port, name, password, local, *files = sys.argv[1:]

database = sqlite3.connect(path)
database.executescript(
    """
    PRAGMA user_version = 7;
    CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, host TEXT NOT NULL,
        port INTEGER, user TEXT, password TEXT, account TEXT, keyfile TEXT, protocol INTEGER,
        type INTEGER, logontype INTEGER, timezone_offset INTEGER, transfer_mode TEXT,
        max_connections INTEGER, encoding TEXT, bypass_proxy INTEGER, post_login_commands TEXT,
        name TEXT, parameters TEXT, site_path TEXT DEFAULT NULL);
    CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, server INTEGER NOT NULL,
        source_file TEXT, target_file TEXT, local_path INTEGER, remote_path INTEGER, size INTEGER,
        error_count INTEGER, priority INTEGER, flags INTEGER, default_exists_action INTEGER,
        extra_flags TEXT);
    CREATE INDEX server_index ON files (server);
    CREATE TABLE local_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
    CREATE TABLE remote_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
    """
)
database.execute(
    "INSERT INTO servers (id, host, port, user, password, protocol, type, logontype,"
    " timezone_offset, transfer_mode, max_connections, encoding, bypass_proxy)"
    " VALUES (1, '127.0.0.1', ?, ?, ?, ?, 0, 1, 0, 'default', 0, 'Auto', 0)",
    (int(port), name, password, int(protocol)),
)
database.execute("INSERT INTO local_paths VALUES (1, ?)", (local + "/",))
# The root of a Unix server, in FileZilla's notation.
database.execute("INSERT INTO remote_paths VALUES (1, '1 0')")
for file in files:
    download = 16 if file.startswith("down") else 0
    # What to do where the file exists: resume, or overwrite.
    exists = 5 if file.endswith("rest") else 1
    database.execute(
        "INSERT INTO files (server, source_file, local_path, remote_path, size, error_count,"
        " priority, flags, default_exists_action) VALUES (1, ?, 1, 1, -1, 0, 2, ?, ?)",
        (file, download, exists),
    )
database.commit()
