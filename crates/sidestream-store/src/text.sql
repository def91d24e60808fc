-- Where text may stand in bodies and messages, as bits of their trigrams: of all that was complete up
-- to the entry last, as far as no group before has it. Who goes on reads from the entry resume.
CREATE TABLE text_group (
    id      INTEGER PRIMARY KEY,
    last    INTEGER NOT NULL,
    resume  INTEGER NOT NULL,
    members BLOB NOT NULL
) STRICT;

-- The bits of a group: page n has the id 256 * text_group.id + n. Data that is shorter than size is
-- a zstd frame of so many bytes.
CREATE TABLE text_page (
    id   INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
