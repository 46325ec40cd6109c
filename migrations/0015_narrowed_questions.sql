-- A question can be asked of some materials only; the conversation says of which.

-- The filter and its words, as JSON; null when the question was asked of all materials.
ALTER TABLE messages ADD COLUMN narrowed TEXT;
