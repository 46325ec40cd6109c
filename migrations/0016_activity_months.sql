-- Every figure is made from the whole history, and of the time that took SQLite spent two thirds handing
-- over each day's eleven columns. So the days of a month stand side by side as well, where a year is
-- twelve rows of two columns. Triggers keep them; nothing else writes there. A day's date and student
-- never change. Whoever adds a figure drops the triggers first, then the column, and makes all anew.

-- The day counted from the first of the year 1, and its figures, each as eight hexadecimal digits.
ALTER TABLE daily_activity ADD COLUMN packed TEXT GENERATED ALWAYS AS (
    printf('%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x', julianday(local_date) - 1721424.5,
           activities, questions, materials_added, pages_read, study_sessions, study_seconds, xp,
           materials_finished, achievements, active_hours)) VIRTUAL;

CREATE TABLE activity_months (
    user_id UUID  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- As in 2026-11.
    month   TEXT  NOT NULL,
    -- Its days in any order, 44 bytes each: a figure that is no number of 32 bits takes more or less.
    days    BYTEA NOT NULL CHECK (length(days) > 0 AND length(days) % 44 = 0),
    PRIMARY KEY (user_id, month)
);
INSERT INTO activity_months (user_id, month, days)
SELECT user_id, substr(local_date, 1, 7), unhex(group_concat(packed, ''))
FROM daily_activity GROUP BY user_id, substr(local_date, 1, 7);

CREATE TRIGGER activity_months_day_added AFTER INSERT ON daily_activity BEGIN
    INSERT INTO activity_months (user_id, month, days)
    SELECT user_id, substr(new.local_date, 1, 7), unhex(group_concat(packed, '')) FROM daily_activity
    WHERE user_id = new.user_id
      AND local_date BETWEEN substr(new.local_date, 1, 8) || '01' AND substr(new.local_date, 1, 8) || '31'
    GROUP BY user_id
    ON CONFLICT (user_id, month) DO UPDATE SET days = excluded.days;
END;

CREATE TRIGGER activity_months_day_changed AFTER UPDATE ON daily_activity BEGIN
    INSERT INTO activity_months (user_id, month, days)
    SELECT user_id, substr(new.local_date, 1, 7), unhex(group_concat(packed, '')) FROM daily_activity
    WHERE user_id = new.user_id
      AND local_date BETWEEN substr(new.local_date, 1, 8) || '01' AND substr(new.local_date, 1, 8) || '31'
    GROUP BY user_id
    ON CONFLICT (user_id, month) DO UPDATE SET days = excluded.days;
END;

-- The month's row goes with its last day.
CREATE TRIGGER activity_months_day_removed AFTER DELETE ON daily_activity BEGIN
    DELETE FROM activity_months WHERE user_id = old.user_id AND month = substr(old.local_date, 1, 7);
    INSERT INTO activity_months (user_id, month, days)
    SELECT user_id, substr(old.local_date, 1, 7), unhex(group_concat(packed, '')) FROM daily_activity
    WHERE user_id = old.user_id
      AND local_date BETWEEN substr(old.local_date, 1, 8) || '01' AND substr(old.local_date, 1, 8) || '31'
    GROUP BY user_id;
END;
