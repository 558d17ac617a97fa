-- Two indexes for looking by time.

-- Originals of redacted events are deleted by their age.
CREATE INDEX redacted_originals_by_age ON redacted_originals (redacted_ts);

-- The event nearest to a time is looked for in each room.
CREATE INDEX events_by_time ON events (room_sn, origin_ts) WHERE position IS NOT NULL;
