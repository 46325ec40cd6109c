-- A browser that lost its line cannot know whether its question arrived. It names the question, so that
-- sending it again finds what became of it; and a question has one answer, whoever asks for it.

ALTER TABLE messages ADD COLUMN client_id UUID;
CREATE UNIQUE INDEX messages_by_client ON messages (user_id, client_id) WHERE client_id IS NOT NULL;

-- Of an answer: the question it is to. Answers from before this have none.
ALTER TABLE messages ADD COLUMN question_id UUID;
CREATE UNIQUE INDEX messages_by_question ON messages (question_id) WHERE question_id IS NOT NULL;
