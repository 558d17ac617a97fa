-- Rooms that are being taken out of the database, a part at a time: nobody finds them any more, and nobody enters them until they are gone. What a
-- stop of the program interrupted goes on at its next start.
CREATE TABLE purging_rooms (
    room_sn         INTEGER NOT NULL PRIMARY KEY,
    -- The room's id; its row in `rooms` has another by now.
    room_id         TEXT    NOT NULL
) STRICT;

-- Which redaction took an event's content, for purges of history.
CREATE INDEX events_by_redaction ON events (redacted_by) WHERE redacted_by IS NOT NULL;
