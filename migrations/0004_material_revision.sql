-- News of a material reaches a page by several ways, an answer and an event; the revision tells which
-- of two is the newer.

ALTER TABLE materials ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
