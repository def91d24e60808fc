-- Makes a session of 2.x one of 3.0, together with the tables of chunks: what was recorded stays
-- where it is, in `body` and `content`.
ALTER TABLE block ADD COLUMN size INTEGER;
ALTER TABLE exchange ADD COLUMN inline_seq INTEGER;
ALTER TABLE content ADD COLUMN chunk INTEGER REFERENCES chunk;
