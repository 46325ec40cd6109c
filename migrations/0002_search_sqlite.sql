-- The word index of SQLite: it holds no text of its own and follows `chunks` by triggers.

CREATE VIRTUAL TABLE chunk_words USING fts5 (
    text,
    content = 'chunks',
    content_rowid = 'id',
    tokenize = 'porter unicode61'
);

CREATE TRIGGER chunk_words_insert AFTER INSERT ON chunks BEGIN
    INSERT INTO chunk_words (rowid, text) VALUES (new.id, new.text);
END;

CREATE TRIGGER chunk_words_delete AFTER DELETE ON chunks BEGIN
    INSERT INTO chunk_words (chunk_words, rowid, text) VALUES ('delete', old.id, old.text);
END;

CREATE TRIGGER chunk_words_update AFTER UPDATE OF text ON chunks BEGIN
    INSERT INTO chunk_words (chunk_words, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO chunk_words (rowid, text) VALUES (new.id, new.text);
END;
