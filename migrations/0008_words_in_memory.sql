-- Words are searched in each student's own index in memory (server/src/retrieval/words.rs), whose ranks
-- do not depend on what others have uploaded; nothing reads this one any more.

DROP TRIGGER chunk_words_insert;
DROP TRIGGER chunk_words_delete;
DROP TRIGGER chunk_words_update;
DROP TABLE chunk_words;
