-- Makes a session of 3.0 one of 3.1.
ALTER TABLE exchange ADD COLUMN version INTEGER;
ALTER TABLE exchange ADD COLUMN request_type TEXT;
ALTER TABLE exchange ADD COLUMN answered INTEGER;
ALTER TABLE exchange ADD COLUMN response_type TEXT;
ALTER TABLE exchange ADD COLUMN comment TEXT;
ALTER TABLE exchange ADD COLUMN marker TEXT;
ALTER TABLE exchange ADD COLUMN notes BLOB;
CREATE INDEX exchange_noted ON exchange (id) WHERE notes IS NOT NULL;
ALTER TABLE flow ADD COLUMN servers TEXT;
ALTER TABLE flow ADD COLUMN sni TEXT;
ALTER TABLE flow ADD COLUMN alpn TEXT;
ALTER TABLE flow ADD COLUMN ja4 TEXT;
ALTER TABLE flow ADD COLUMN told_seq INTEGER;
ALTER TABLE flow ADD COLUMN comment TEXT;
ALTER TABLE flow ADD COLUMN marker TEXT;
ALTER TABLE flow ADD COLUMN notes BLOB;
CREATE INDEX flow_noted ON flow (id) WHERE notes IS NOT NULL;
CREATE TABLE certificate (
    sha256   BLOB PRIMARY KEY,
    subject  TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    payload  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
DROP VIEW exchange_list;
DROP VIEW flow_list;
