-- Searches can be narrowed to tags, and an answer's passages keep by what they were found.

CREATE TABLE material_tags (
    material_id UUID NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    user_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Trimmed, in lower case.
    tag         TEXT NOT NULL,
    PRIMARY KEY (material_id, tag)
);
CREATE INDEX material_tags_by_user ON material_tags (user_id, tag);

-- BM25, and the cosine of the vectors where there were any.
ALTER TABLE message_passages ADD COLUMN score_words REAL NOT NULL DEFAULT 0;
ALTER TABLE message_passages ADD COLUMN score_meaning REAL;
