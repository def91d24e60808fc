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

-- For lists, kept up with the entries, which are those from first_seq to last_seq.
CREATE TABLE flow (
    id        INTEGER PRIMARY KEY,
    opened    INTEGER NOT NULL,
    closed    INTEGER,
    transport TEXT NOT NULL,
    client    TEXT NOT NULL,
    server    TEXT NOT NULL,
    host      TEXT,
    protocol  TEXT,
    via       TEXT NOT NULL,
    process   INTEGER REFERENCES process,
    received  INTEGER,
    sent      INTEGER,
    failure   TEXT,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER
) STRICT;

-- Content that stands in blocks is in those up to inline_seq.
CREATE TABLE exchange (
    id               INTEGER PRIMARY KEY,
    flow             INTEGER NOT NULL,
    started          INTEGER NOT NULL,
    ended            INTEGER,
    method           TEXT,
    url              TEXT,
    status           INTEGER,
    request_bytes    INTEGER NOT NULL DEFAULT 0,
    request_dropped  INTEGER NOT NULL DEFAULT 0,
    response_bytes   INTEGER NOT NULL DEFAULT 0,
    response_dropped INTEGER NOT NULL DEFAULT 0,
    failure          TEXT,
    first_seq        INTEGER NOT NULL,
    last_seq         INTEGER NOT NULL,
    inline_seq       INTEGER
) STRICT;

-- Which programs wrote here and when; without an end, it was killed or is writing now.
CREATE TABLE recording (
    id       INTEGER PRIMARY KEY,
    program  TEXT NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER,
    lost     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE VIEW exchange_list AS
SELECT exchange.id,
       strftime('%Y-%m-%d %H:%M:%f', exchange.started / 1e9, 'unixepoch') AS started,
       process.name || '[' || process.pid || ']' AS process,
       method, url, status, request_bytes, response_bytes,
       (exchange.ended - exchange.started) / 1000000 AS ms,
       request_dropped + response_dropped AS dropped,
       exchange.failure
FROM exchange
LEFT JOIN flow ON flow.id = exchange.flow
LEFT JOIN process ON process.id = flow.process
ORDER BY exchange.id;

CREATE VIEW flow_list AS
SELECT flow.id,
       strftime('%Y-%m-%d %H:%M:%f', opened / 1e9, 'unixepoch') AS opened,
       process.name || '[' || process.pid || ']' AS process,
       transport, client, server, host, protocol, via, received, sent,
       (closed - opened) / 1000000 AS ms,
       failure
FROM flow
LEFT JOIN process ON process.id = flow.process
ORDER BY flow.id;
