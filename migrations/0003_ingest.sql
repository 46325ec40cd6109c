-- Ingest a student can follow and trust: what a job is doing, which pages failed and why, the
-- sections a document is divided into, and uploads that may be interrupted and resumed.

ALTER TABLE materials ADD COLUMN pages_searchable BIGINT NOT NULL DEFAULT 0;
ALTER TABLE materials ADD COLUMN page_fault_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE materials ADD COLUMN pages_per_second REAL;
ALTER TABLE materials ADD COLUMN remaining_seconds BIGINT;
ALTER TABLE materials ADD COLUMN note TEXT;
UPDATE materials SET pages_searchable = coalesce(page_count, 0) WHERE state = 'ready';
-- The job's row says how far it has come.
ALTER TABLE materials DROP COLUMN pages_read;

-- Who works on a job, and until when that is believed: a lease that ran out may be taken over.
-- `starts` counts how often it was begun without coming further: a job that kills its server must
-- not do so for ever. state: waiting | running. stage: reading | embedding.
ALTER TABLE ingest_jobs ADD COLUMN starts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ingest_jobs ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting';
ALTER TABLE ingest_jobs ADD COLUMN stage TEXT;
ALTER TABLE ingest_jobs ADD COLUMN done BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ingest_jobs ADD COLUMN total BIGINT;
ALTER TABLE ingest_jobs ADD COLUMN error_kind TEXT;
ALTER TABLE ingest_jobs ADD COLUMN lease_owner UUID;
ALTER TABLE ingest_jobs ADD COLUMN lease_until TIMESTAMPTZ;

-- The section a passage belongs to: the nearest bookmark, heading or slide title before it.
ALTER TABLE chunks ADD COLUMN section TEXT;
ALTER TABLE message_passages ADD COLUMN section TEXT;

CREATE TABLE page_faults (
    material_id UUID   NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    page_number BIGINT NOT NULL,
    reason      TEXT   NOT NULL,
    PRIMARY KEY (material_id, page_number)
);

-- Bookmarks, chapters or slide titles, in order.
CREATE TABLE outline_entries (
    material_id UUID   NOT NULL REFERENCES materials (id) ON DELETE CASCADE,
    ordinal     BIGINT NOT NULL,
    level       BIGINT NOT NULL,
    title       TEXT   NOT NULL,
    page_number BIGINT NOT NULL,
    PRIMARY KEY (material_id, ordinal)
);

-- Uploads under way; their bytes count against the user's share until they end. An upload that has
-- ended keeps its outcome for a while, so that a browser that lost the answer can ask again.
CREATE TABLE uploads (
    id             UUID        PRIMARY KEY,
    user_id        UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    file_name      TEXT        NOT NULL,
    -- What the browser knows the file by, to find it again after a reload.
    fingerprint    TEXT,
    size_bytes     BIGINT      NOT NULL,
    received_bytes BIGINT      NOT NULL DEFAULT 0,
    -- False for a file of a plain form: it ends with its request and is listed nowhere.
    resumable      BOOLEAN     NOT NULL,
    -- added, duplicate or refused; NULL while it is under way.
    outcome        TEXT,
    material_id    UUID,
    refusal        TEXT,
    created_at     TIMESTAMPTZ NOT NULL,
    expires_at     TIMESTAMPTZ NOT NULL
);
CREATE INDEX uploads_by_user ON uploads (user_id);
