-- What is derived from a student's rows is kept only as long as the rows stay as they were. Each
-- generation is a random token that changes in the very transaction that changes the rows, so there
-- is no moment, and no crash, between a write and the end of what it made out of date.
--
-- Triggers and not the callers: whatever writes a row, none can forget it.

CREATE TABLE generations (
    user_id       UUID   PRIMARY KEY,
    -- The passages, vectors, titles and tags that can be found.
    search        BIGINT NOT NULL DEFAULT 0,
    -- The list of materials and their states.
    materials     BIGINT NOT NULL DEFAULT 0,
    -- Study time, XP, streaks.
    activity      BIGINT NOT NULL DEFAULT 0,
    -- Conversations and their messages.
    conversations BIGINT NOT NULL DEFAULT 0,
    -- The account itself.
    profile       BIGINT NOT NULL DEFAULT 0,
    -- Changes only when a material is deleted: what was made of its words must go.
    removal       BIGINT NOT NULL DEFAULT 0
);

CREATE TRIGGER generations_material_added AFTER INSERT ON materials BEGIN
    INSERT INTO generations (user_id, materials, search) VALUES (new.user_id, random(), random())
    ON CONFLICT (user_id) DO UPDATE SET materials = excluded.materials, search = excluded.search;
END;

CREATE TRIGGER generations_material_changed AFTER UPDATE ON materials BEGIN
    INSERT INTO generations (user_id, materials) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET materials = excluded.materials;
END;

CREATE TRIGGER generations_material_searchable
AFTER UPDATE OF title, chunk_count, pages_searchable ON materials BEGIN
    INSERT INTO generations (user_id, search) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET search = excluded.search;
END;

-- Citations and pages read go with the document.
CREATE TRIGGER generations_material_deleted AFTER DELETE ON materials BEGIN
    INSERT INTO generations (user_id, materials, search, activity, conversations, removal)
    VALUES (old.user_id, random(), random(), random(), random(), random())
    ON CONFLICT (user_id) DO UPDATE SET
        materials     = excluded.materials,
        search        = excluded.search,
        activity      = excluded.activity,
        conversations = excluded.conversations,
        removal       = excluded.removal;
END;

CREATE TRIGGER generations_vector_added AFTER INSERT ON embeddings BEGIN
    INSERT INTO generations (user_id, search)
    SELECT user_id, random() FROM chunks WHERE id = new.chunk_id
    ON CONFLICT (user_id) DO UPDATE SET search = excluded.search;
END;

CREATE TRIGGER generations_vector_removed AFTER DELETE ON embeddings BEGIN
    INSERT INTO generations (user_id, search)
    SELECT user_id, random() FROM chunks WHERE id = old.chunk_id
    ON CONFLICT (user_id) DO UPDATE SET search = excluded.search;
END;

CREATE TRIGGER generations_tag_added AFTER INSERT ON material_tags BEGIN
    INSERT INTO generations (user_id, materials, search) VALUES (new.user_id, random(), random())
    ON CONFLICT (user_id) DO UPDATE SET materials = excluded.materials, search = excluded.search;
END;

CREATE TRIGGER generations_tag_removed AFTER DELETE ON material_tags BEGIN
    INSERT INTO generations (user_id, materials, search) VALUES (old.user_id, random(), random())
    ON CONFLICT (user_id) DO UPDATE SET materials = excluded.materials, search = excluded.search;
END;

CREATE TRIGGER generations_event_added AFTER INSERT ON events BEGIN
    INSERT INTO generations (user_id, activity) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

CREATE TRIGGER generations_day_added AFTER INSERT ON daily_activity BEGIN
    INSERT INTO generations (user_id, activity) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

CREATE TRIGGER generations_day_changed AFTER UPDATE ON daily_activity BEGIN
    INSERT INTO generations (user_id, activity) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

CREATE TRIGGER generations_day_removed AFTER DELETE ON daily_activity BEGIN
    INSERT INTO generations (user_id, activity) VALUES (old.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity;
END;

CREATE TRIGGER generations_conversation_added AFTER INSERT ON conversations BEGIN
    INSERT INTO generations (user_id, conversations) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET conversations = excluded.conversations;
END;

CREATE TRIGGER generations_conversation_changed AFTER UPDATE ON conversations BEGIN
    INSERT INTO generations (user_id, conversations) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET conversations = excluded.conversations;
END;

CREATE TRIGGER generations_conversation_deleted AFTER DELETE ON conversations BEGIN
    INSERT INTO generations (user_id, conversations) VALUES (old.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET conversations = excluded.conversations;
END;

CREATE TRIGGER generations_message_added AFTER INSERT ON messages BEGIN
    INSERT INTO generations (user_id, conversations) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET conversations = excluded.conversations;
END;

CREATE TRIGGER generations_message_changed AFTER UPDATE ON messages BEGIN
    INSERT INTO generations (user_id, conversations) VALUES (new.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET conversations = excluded.conversations;
END;

CREATE TRIGGER generations_message_deleted AFTER DELETE ON messages BEGIN
    INSERT INTO generations (user_id, conversations) VALUES (old.user_id, random())
    ON CONFLICT (user_id) DO UPDATE SET conversations = excluded.conversations;
END;

-- Days are counted in the account's time zone.
CREATE TRIGGER generations_user_changed AFTER UPDATE ON users BEGIN
    INSERT INTO generations (user_id, profile, activity) VALUES (new.id, random(), random())
    ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile, activity = excluded.activity;
END;

CREATE TRIGGER generations_user_deleted AFTER DELETE ON users BEGIN
    DELETE FROM generations WHERE user_id = old.id;
END;
