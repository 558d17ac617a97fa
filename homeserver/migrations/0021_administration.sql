-- Administration.

-- Rooms that nobody of this server may enter any more, known or not.
CREATE TABLE blocked_rooms (
    room_id         TEXT    PRIMARY KEY,
    -- The administrator who wanted it; NULL: the owner.
    blocked_by      TEXT,
    blocked_ts      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Deleting events looks for what still points to them.
CREATE INDEX notifications_by_event ON notifications (event_sn);
CREATE INDEX outbox_events_by_event ON outbox_events (event_sn);
CREATE INDEX pending_redactions_by_redaction ON pending_redactions (redaction_sn);
