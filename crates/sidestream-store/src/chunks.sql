-- Content that is large, each piece once however often it went by. Data that is shorter than size
-- is a zstd frame of so many bytes; hash is BLAKE3 of these.
CREATE TABLE chunk (
    id   INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX chunk_hash ON chunk (hash);

-- The stretches of bodies that do not stand in blocks: so many bytes from offset on, which are
-- data, or a chunk, or were dropped.
CREATE TABLE stretch (
    id       INTEGER PRIMARY KEY,
    exchange INTEGER NOT NULL,
    part     TEXT NOT NULL,
    offset   INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    dropped  INTEGER NOT NULL DEFAULT 0,
    chunk    INTEGER REFERENCES chunk,
    data     BLOB
) STRICT;
CREATE INDEX stretch_exchange ON stretch (exchange, part, offset);
