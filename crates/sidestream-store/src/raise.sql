-- Makes a session of 2.x one of 3.0: what was recorded stays where it is, in `body` and `content`.
ALTER TABLE block ADD COLUMN size INTEGER;
ALTER TABLE exchange ADD COLUMN inline_seq INTEGER;
CREATE TABLE chunk (
    id   INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX chunk_hash ON chunk (hash);
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
ALTER TABLE content ADD COLUMN chunk INTEGER REFERENCES chunk;
