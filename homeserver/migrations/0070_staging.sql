-- PDUs that were acknowledged and are not processed yet, now with a lane (0: of servers of the room, signed with keys that we have;
-- 1: strangers' and those whose signer is still to be asked), a time before which nothing is tried again, and one copy a sender: an
-- event's id does not cover its signatures, so that a bad copy must not take the place of a good one.
CREATE TABLE staged (
    staging_sn      INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id         TEXT    NOT NULL,
    lane            INTEGER NOT NULL,
    event_id        TEXT    NOT NULL,
    origin          TEXT    NOT NULL,
    json            TEXT    NOT NULL,
    received_ts     INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    retry_ts        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (event_id, origin)
) STRICT;
INSERT INTO staged (staging_sn, room_id, lane, event_id, origin, json, received_ts)
    SELECT staging_sn, room_id, 0, event_id, origin, json, received_ts FROM staging;
DROP TABLE staging;
ALTER TABLE staged RENAME TO staging;
CREATE INDEX staging_by_room ON staging (room_id, lane, staging_sn);
CREATE INDEX staging_by_origin ON staging (origin, room_id);
