-- The first shape: accounts, materials with their pages and chunks, conversations, activity.
-- Column types are named so that SQLite and Postgres both accept this text; times are UTC.

CREATE TABLE users (
    id            UUID        PRIMARY KEY,
    email         TEXT        NOT NULL UNIQUE,
    password_hash TEXT        NOT NULL,
    role          TEXT        NOT NULL,
    time_zone     TEXT        NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL
);

CREATE TABLE sessions (
    token_hash   BYTEA       PRIMARY KEY,
    user_id      UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE materials (
    id              UUID        PRIMARY KEY,
    user_id         UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title           TEXT        NOT NULL,
    file_name       TEXT        NOT NULL,
    media_type      TEXT        NOT NULL,
    size_bytes      BIGINT      NOT NULL,
    sha256          BYTEA       NOT NULL,
    -- queued | reading | embedding | ready | failed
    state           TEXT        NOT NULL,
    failure_kind    TEXT,
    failure_message TEXT,
    page_count      BIGINT,
    pages_read      BIGINT      NOT NULL DEFAULT 0,
    empty_pages     BIGINT      NOT NULL DEFAULT 0,
    chunk_count     BIGINT      NOT NULL DEFAULT 0,
    chunks_embedded BIGINT      NOT NULL DEFAULT 0,
    uploaded_at     TIMESTAMPTZ NOT NULL,
    UNIQUE (user_id, sha256)
);
CREATE INDEX materials_by_user ON materials (user_id, uploaded_at);

-- One row for each material that still has work to do; the row is the truth about the job.
CREATE TABLE ingest_jobs (
    material_id UUID        PRIMARY KEY REFERENCES materials (id) ON DELETE CASCADE,
    -- read: extract, chunk, embed. embed: only the vectors are missing.
    kind        TEXT        NOT NULL,
    attempt     BIGINT      NOT NULL DEFAULT 0,
    not_before  TIMESTAMPTZ NOT NULL,
    queued_at   TIMESTAMPTZ NOT NULL
);

CREATE TABLE pages (
    material_id UUID   NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    page_number BIGINT NOT NULL,
    text        TEXT   NOT NULL,
    PRIMARY KEY (material_id, page_number)
);

-- Offsets are Unicode scalar positions: char_start on page_first, char_end on page_last.
CREATE TABLE chunks (
    id          INTEGER PRIMARY KEY,
    material_id UUID    NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    user_id     UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ordinal     BIGINT  NOT NULL,
    page_first  BIGINT  NOT NULL,
    page_last   BIGINT  NOT NULL,
    char_start  BIGINT  NOT NULL,
    char_end    BIGINT  NOT NULL,
    text        TEXT    NOT NULL,
    UNIQUE (material_id, ordinal)
);
CREATE INDEX chunks_by_user ON chunks (user_id);

-- Keyed by embedder, so that two can stand side by side. Vectors are f32, little-endian,
-- L2-normalised.
CREATE TABLE embeddings (
    chunk_id BIGINT NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
    embedder TEXT   NOT NULL,
    vector   BYTEA  NOT NULL,
    PRIMARY KEY (chunk_id, embedder)
);

CREATE TABLE conversations (
    id         UUID        PRIMARY KEY,
    user_id    UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title      TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX conversations_by_user ON conversations (user_id, updated_at);

CREATE TABLE messages (
    id              UUID        PRIMARY KEY,
    conversation_id UUID        NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- student | coach
    author          TEXT        NOT NULL,
    -- partial | complete | cancelled | failed
    state           TEXT        NOT NULL,
    text            TEXT        NOT NULL,
    provider        TEXT        NOT NULL,
    problem         TEXT,
    created_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX messages_by_conversation ON messages (conversation_id, created_at);

-- The passages an answer was given; they hold the material's words, so they go with it.
CREATE TABLE message_passages (
    message_id  UUID   NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    material_id UUID   NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    title       TEXT   NOT NULL,
    chunk_id    BIGINT NOT NULL,
    page_first  BIGINT NOT NULL,
    page_last   BIGINT NOT NULL,
    char_start  BIGINT NOT NULL,
    char_end    BIGINT NOT NULL,
    text        TEXT   NOT NULL,
    score       REAL   NOT NULL,
    PRIMARY KEY (message_id, number)
);
CREATE INDEX message_passages_by_material ON message_passages (material_id);

-- The checked places an answer points to, in the order they appear in its text.
CREATE TABLE citations (
    message_id  UUID   NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    ordinal     BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    -- NULL: unverified.
    material_id UUID   REFERENCES materials (id) ON DELETE CASCADE,
    title       TEXT,
    chunk_id    BIGINT,
    page        BIGINT,
    char_start  BIGINT,
    char_end    BIGINT,
    quote       TEXT,
    PRIMARY KEY (message_id, ordinal)
);
CREATE INDEX citations_by_material ON citations (material_id);

-- What a student did. An event happens once for its natural key.
CREATE TABLE events (
    id          UUID        PRIMARY KEY,
    user_id     UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- question | material | page
    kind        TEXT        NOT NULL,
    natural_key TEXT        NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    local_date  TEXT        NOT NULL,
    UNIQUE (user_id, natural_key)
);

-- The XP it was worth. An award is given once for its natural key, and stays when what it was
-- given for is deleted.
CREATE TABLE awards (
    user_id     UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    natural_key TEXT        NOT NULL,
    awarded_at  TIMESTAMPTZ NOT NULL,
    local_date  TEXT        NOT NULL,
    xp          BIGINT      NOT NULL,
    PRIMARY KEY (user_id, natural_key)
);

CREATE TABLE study_sessions (
    id               UUID        PRIMARY KEY,
    user_id          UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    started_at       TIMESTAMPTZ NOT NULL,
    last_activity_at TIMESTAMPTZ NOT NULL,
    -- The zone it began in: the session is cut into local days by this one.
    time_zone        TEXT        NOT NULL,
    local_date       TEXT        NOT NULL
);
CREATE INDEX study_sessions_by_user ON study_sessions (user_id, last_activity_at);

-- Maintained in the event's own transaction, so that a year is 365 rows however busy it was.
CREATE TABLE daily_activity (
    user_id         UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    local_date      TEXT   NOT NULL,
    activities      BIGINT NOT NULL DEFAULT 0,
    questions       BIGINT NOT NULL DEFAULT 0,
    materials_added BIGINT NOT NULL DEFAULT 0,
    pages_read      BIGINT NOT NULL DEFAULT 0,
    study_sessions  BIGINT NOT NULL DEFAULT 0,
    study_seconds   BIGINT NOT NULL DEFAULT 0,
    xp              BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, local_date)
);

-- Distinct pages that have been on screen, for "finished".
CREATE TABLE pages_seen (
    user_id     UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    material_id UUID   NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    page_number BIGINT NOT NULL,
    PRIMARY KEY (user_id, material_id, page_number)
);
