-- Holes in the middle of a timeline, in contrast to the history before a room's beginning here: positions between `floor_position` and
-- `before_position` were left free for what is missing, and are filled downwards; `before_position` sinks with it. Events up to
-- `start_position`, where it was when the hole was made, may name missing ones. Nobody could help at `failed_ts`.
ALTER TABLE timeline_gaps ADD COLUMN floor_position INTEGER;
ALTER TABLE timeline_gaps ADD COLUMN start_position INTEGER;
ALTER TABLE timeline_gaps ADD COLUMN failed_ts INTEGER;
