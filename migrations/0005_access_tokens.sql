-- Programs of a student ask with a token of their own, so that none of them needs her password and
-- each can be shut out alone. Like a session's, a token is kept only as a hash.

CREATE TABLE access_tokens (
    id           UUID        PRIMARY KEY,
    user_id      UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT        NOT NULL,
    token_hash   BYTEA       NOT NULL UNIQUE,
    -- read | write
    scope        TEXT        NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ
);
CREATE INDEX access_tokens_by_user ON access_tokens (user_id);
