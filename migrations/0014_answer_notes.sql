-- What the student should know about the search behind an answer (found for another question that
-- means the same, or by words alone) stays with the answer, so that it is still there when the
-- conversation is opened again.

ALTER TABLE messages ADD COLUMN note TEXT;
