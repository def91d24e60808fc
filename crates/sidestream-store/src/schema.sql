-- What happened, in order: the session itself. A block holds the entries of up to a transaction:
-- the one at place n, from 0, has the number first + n. The largest ids up to its end stand with
-- it, so that none is given out again. Times are nanoseconds since 1970. A payload that is
-- shorter than size is a zstd frame of so many bytes.
CREATE TABLE block (
    first        INTEGER PRIMARY KEY,
    count        INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    max_flow     INTEGER NOT NULL,
    max_exchange INTEGER NOT NULL,
    max_message  INTEGER NOT NULL,
    payload      BLOB NOT NULL,
    size         INTEGER
) STRICT;

-- The content of the entries of kinds data, websocket and wire that does not stand in blocks: data,
-- or a chunk. Without either, so many bytes were dropped. The message of the last kind is 0, the
-- sender whoever is at the other end of the leg.
CREATE TABLE content (
    seq      INTEGER PRIMARY KEY,
    message  INTEGER NOT NULL,
    sender   TEXT NOT NULL,
    dropped  INTEGER NOT NULL DEFAULT 0,
    data     BLOB,
    chunk    INTEGER REFERENCES chunk
) STRICT;

-- Who: one row a process, however many flows it had.
CREATE TABLE process (
    id       INTEGER PRIMARY KEY,
    parent   INTEGER REFERENCES process,
    pid      INTEGER NOT NULL,
    name     TEXT NOT NULL,
    path     TEXT,
    payload  BLOB NOT NULL
) STRICT;
CREATE INDEX process_pid ON process (pid);

-- What peers of TLS showed: one row a certificate, however many flows saw it. It was shown last in
-- the entry last_seq; sha256 is that of its DER.
CREATE TABLE certificate (
    sha256   BLOB PRIMARY KEY,
    subject  TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    payload  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- For lists, kept up with the entries, which are those from first_seq to last_seq. What is noted
-- of it, also behind these, stands in notes, two things of it beside that for lists. Servers are
-- those that were reached beside server; sni, alpn and ja4 are what the client asked TLS for and
-- got, or offered. Each has a value a line; where U+FFFD stands in one, or one is NULL, the entries
-- have to tell. Up to told_seq they, host and protocol may have been others.
CREATE TABLE flow (
    id        INTEGER PRIMARY KEY,
    opened    INTEGER NOT NULL,
    closed    INTEGER,
    transport TEXT NOT NULL,
    client    TEXT NOT NULL,
    server    TEXT NOT NULL,
    host      TEXT,
    protocol  TEXT,
    servers   TEXT,
    sni       TEXT,
    alpn      TEXT,
    ja4       TEXT,
    told_seq  INTEGER,
    via       TEXT NOT NULL,
    process   INTEGER REFERENCES process,
    received  INTEGER,
    sent      INTEGER,
    failure   TEXT,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER,
    comment   TEXT,
    marker    TEXT,
    notes     BLOB
) STRICT;
CREATE INDEX flow_noted ON flow (id) WHERE notes IS NOT NULL;

-- Content that stands in blocks is in those up to inline_seq. The version is ten times that of
-- HTTP, and 0 for DNS. Answered is the status that a rule gave in a server's place, 0 where none
-- did. Types are content types as they were sent, empty where there is none; where U+FFFD stands in
-- one the entries have to tell, as where one of these is NULL.
CREATE TABLE exchange (
    id               INTEGER PRIMARY KEY,
    flow             INTEGER NOT NULL,
    started          INTEGER NOT NULL,
    ended            INTEGER,
    method           TEXT,
    url              TEXT,
    version          INTEGER,
    request_type     TEXT,
    status           INTEGER,
    answered         INTEGER,
    response_type    TEXT,
    request_bytes    INTEGER NOT NULL DEFAULT 0,
    request_dropped  INTEGER NOT NULL DEFAULT 0,
    response_bytes   INTEGER NOT NULL DEFAULT 0,
    response_dropped INTEGER NOT NULL DEFAULT 0,
    failure          TEXT,
    first_seq        INTEGER NOT NULL,
    last_seq         INTEGER NOT NULL,
    inline_seq       INTEGER,
    comment          TEXT,
    marker           TEXT,
    notes            BLOB
) STRICT;
CREATE INDEX exchange_noted ON exchange (id) WHERE notes IS NOT NULL;

-- Which programs wrote here and when; without an end, it was killed or is writing now.
CREATE TABLE recording (
    id       INTEGER PRIMARY KEY,
    program  TEXT NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER,
    lost     INTEGER NOT NULL DEFAULT 0
) STRICT;
