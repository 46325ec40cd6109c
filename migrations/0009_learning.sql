-- More figures: hours of the day, time by document, achievements, cited pages, questions without an
-- answer. Whatever is counted can be counted again from the events, so these keep what that takes.

-- number: the order in which a student's events were recorded, from 1.
ALTER TABLE events ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
-- Where the student was. The local date stays the one of then.
ALTER TABLE events ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE events ADD COLUMN message_id UUID;
ALTER TABLE events ADD COLUMN material_id UUID;
ALTER TABLE events ADD COLUMN page_number BIGINT;
-- The bytes that were added, or that were read to their last page by this.
ALTER TABLE events ADD COLUMN sha256 BYTEA;

UPDATE events SET number = numbered.number
FROM (SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY rowid) AS number FROM events) AS numbered
WHERE numbered.id = events.id;
UPDATE events SET time_zone = coalesce(
    (SELECT time_zone FROM study_sessions
     WHERE study_sessions.user_id = events.user_id AND study_sessions.last_activity_at >= events.occurred_at
     ORDER BY study_sessions.last_activity_at LIMIT 1),
    (SELECT time_zone FROM users WHERE users.id = events.user_id));
UPDATE events SET message_id = unhex(replace(substr(natural_key, 10, 36), '-', '')) WHERE kind = 'question';
UPDATE events SET material_id = unhex(replace(substr(natural_key, 10, 36), '-', '')) WHERE kind = 'material';
UPDATE events SET material_id = unhex(replace(substr(natural_key, 6, 36), '-', '')),
                  page_number = CAST(substr(natural_key, 43) AS INTEGER) WHERE kind = 'page';
-- An award carries the very moment of its event.
UPDATE events SET sha256 = unhex(substr(awards.natural_key, 10)) FROM awards
WHERE events.kind = 'material' AND awards.user_id = events.user_id
  AND awards.awarded_at = events.occurred_at AND awards.natural_key LIKE 'material:%';
UPDATE events SET sha256 = unhex(substr(awards.natural_key, 10)) FROM awards
WHERE events.kind = 'page' AND awards.user_id = events.user_id
  AND awards.awarded_at = events.occurred_at AND awards.natural_key LIKE 'finished:%';
CREATE UNIQUE INDEX events_by_number ON events (user_id, number);
-- A period is read without what lies before it.
CREATE INDEX events_by_day ON events (user_id, local_date, number);

-- The document that the session's last activity was about: what follows is its time.
ALTER TABLE study_sessions ADD COLUMN material_id UUID;

ALTER TABLE daily_activity ADD COLUMN materials_finished BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_activity ADD COLUMN achievements BIGINT NOT NULL DEFAULT 0;
-- One bit for each hour of the day in which something was done, the lowest for midnight to one.
ALTER TABLE daily_activity ADD COLUMN active_hours BIGINT NOT NULL DEFAULT 0;

-- Study time by the hour, so that a week's pattern is read without the events.
CREATE TABLE hourly_activity (
    user_id       UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    local_date    TEXT   NOT NULL,
    hour          BIGINT NOT NULL,
    -- Of the date: 0 is Monday.
    weekday       BIGINT NOT NULL,
    study_seconds BIGINT NOT NULL,
    PRIMARY KEY (user_id, local_date, hour)
);

-- Study time by document. It stays when the document is deleted, as the day's does.
CREATE TABLE material_activity (
    user_id       UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    local_date    TEXT    NOT NULL,
    material_id   UUID    NOT NULL,
    study_seconds BIGINT  NOT NULL,
    -- Whether something of it was read on this day; the last minute of the day before may reach into it.
    opened        BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, local_date, material_id)
);
CREATE INDEX material_activity_by_material ON material_activity (user_id, material_id, local_date)
WHERE opened;

-- The documents that were ever read, each once: so many questions it takes to know which were read in
-- a period, however often they were.
CREATE TABLE opened_materials (
    user_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    material_id UUID NOT NULL,
    -- The day on which every page of it had been on screen.
    finished_on TEXT,
    PRIMARY KEY (user_id, material_id)
);

CREATE TABLE achievements (
    user_id     UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    achievement TEXT        NOT NULL,
    unlocked_at TIMESTAMPTZ NOT NULL,
    local_date  TEXT        NOT NULL,
    PRIMARY KEY (user_id, achievement)
);

-- Students whose figures are counted again when the server starts: the ones of this version begin
-- with their first event.
CREATE TABLE activity_recounts (
    user_id UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO activity_recounts (user_id) SELECT DISTINCT user_id FROM events;

-- How often answers point to a page; kept by triggers, for answers and documents go in many ways.
CREATE TABLE cited_pages (
    user_id     UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    material_id UUID   NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    page_number BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    PRIMARY KEY (material_id, page_number)
);
CREATE INDEX cited_pages_by_user ON cited_pages (user_id, times DESC, material_id, page_number);
INSERT INTO cited_pages (user_id, material_id, page_number, times)
SELECT materials.user_id, materials.id, citations.page, count(*)
FROM citations JOIN materials ON materials.id = citations.material_id
WHERE citations.page IS NOT NULL
GROUP BY materials.user_id, materials.id, citations.page;

CREATE TRIGGER cited_pages_added AFTER INSERT ON citations
WHEN new.material_id IS NOT NULL AND new.page IS NOT NULL BEGIN
    INSERT INTO cited_pages (user_id, material_id, page_number, times)
    SELECT user_id, id, new.page, 1 FROM materials WHERE id = new.material_id
    ON CONFLICT (material_id, page_number) DO UPDATE SET times = cited_pages.times + 1;
END;

CREATE TRIGGER cited_pages_removed AFTER DELETE ON citations WHEN old.material_id IS NOT NULL BEGIN
    UPDATE cited_pages SET times = times - 1 WHERE material_id = old.material_id AND page_number = old.page;
    DELETE FROM cited_pages WHERE material_id = old.material_id AND page_number = old.page AND times <= 0;
END;

CREATE TRIGGER generations_cited_page_added AFTER INSERT ON cited_pages BEGIN
    INSERT INTO generations (user_id, activity) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

CREATE TRIGGER generations_cited_page_changed AFTER UPDATE ON cited_pages BEGIN
    INSERT INTO generations (user_id, activity) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

-- A question the materials could not answer: nothing was found, or nothing the answer could point to.
-- Of old answers without any mark it is known; where marks lead nowhere, their documents may have gone.
ALTER TABLE messages ADD COLUMN not_covered BOOLEAN NOT NULL DEFAULT FALSE;
WITH answers AS (
    SELECT (SELECT question.id FROM messages AS question
            WHERE question.conversation_id = answer.conversation_id AND question.author = 'student'
              AND question.created_at <= answer.created_at
            ORDER BY question.created_at DESC LIMIT 1) AS question_id,
           answer.text
    FROM messages AS answer
    WHERE answer.author = 'coach' AND answer.state = 'complete')
UPDATE messages SET not_covered = TRUE WHERE id IN (
    SELECT question_id FROM answers
    WHERE text LIKE 'Your materials do not cover this. %'
       OR (text NOT LIKE 'Your materials do not cover this%' AND text NOT LIKE '%[%'));
-- The same question was answered later, or asked again.
WITH asked AS (
    SELECT question.id, question.user_id, question.created_at, question.not_covered,
           lower(trim(question.text)) AS words,
           EXISTS (SELECT 1 FROM citations
                   WHERE citations.material_id IS NOT NULL AND citations.message_id = (
                       SELECT answer.id FROM messages AS answer
                       WHERE answer.conversation_id = question.conversation_id
                         AND answer.author = 'coach' AND answer.created_at >= question.created_at
                       ORDER BY answer.created_at LIMIT 1)) AS is_answered
    FROM messages AS question WHERE question.author = 'student')
UPDATE messages SET not_covered = FALSE WHERE id IN (
    SELECT open.id FROM asked AS open
    JOIN asked AS later ON later.user_id = open.user_id AND later.words = open.words
                       AND later.created_at > open.created_at
    WHERE open.not_covered AND (later.not_covered OR later.is_answered));
CREATE INDEX messages_not_covered ON messages (user_id, created_at) WHERE not_covered;

CREATE TRIGGER generations_message_not_covered AFTER UPDATE OF not_covered ON messages BEGIN
    INSERT INTO generations (user_id, activity) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

CREATE TRIGGER generations_not_covered_deleted AFTER DELETE ON messages WHEN old.not_covered BEGIN
    INSERT INTO generations (user_id, activity) VALUES (old.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

-- The longest-read documents are shown by their titles.
CREATE TRIGGER generations_material_renamed AFTER UPDATE OF title ON materials BEGIN
    INSERT INTO generations (user_id, activity) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;
