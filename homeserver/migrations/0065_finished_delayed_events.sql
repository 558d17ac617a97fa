-- What became of a delayed event is kept for a while, so that whoever repeats a request or looks it up is told: `event_id` of one that was
-- sent, `error` (a JSON error response) of one that could not be, neither of one that was cancelled.
ALTER TABLE delayed_events ADD COLUMN finished_ts INTEGER;
ALTER TABLE delayed_events ADD COLUMN event_id TEXT;
ALTER TABLE delayed_events ADD COLUMN error TEXT;
DROP INDEX delayed_events_by_time;
CREATE INDEX delayed_events_by_time ON delayed_events (send_ts) WHERE finished_ts IS NULL;
