-- What answers carry, by digest: an answer that comes back as a turn of a conversation is known again. Kept for ever,
-- like figures: a digest is no word.
CREATE TABLE answer (
    digest TEXT PRIMARY KEY,
    rank   INTEGER NOT NULL -- of the most restrictive label this text was given with
) STRICT, WITHOUT ROWID;
