-- How fast the pages are for students, as counts that name none of them: the owner sees where they
-- wait. A day has at most one row for each route, figure and bucket; days that are past are dropped.

CREATE TABLE web_vitals (
    -- In UTC: `2026-11-23`.
    day    TEXT    NOT NULL,
    -- The route's template, never an address.
    route  TEXT    NOT NULL,
    -- lcp, inp, cls or ttfb.
    vital  TEXT    NOT NULL,
    -- The bucket's upper edge: milliseconds, or thousandths for cls.
    edge   INTEGER NOT NULL,
    views  INTEGER NOT NULL,
    PRIMARY KEY (day, route, vital, edge)
) WITHOUT ROWID;
