-- The threads of a room by their newest event: what the list of threads walks, so that a page costs no more than itself. Kept with `relations`:
-- a thread whose last event is gone has no row.
CREATE TABLE threads (
    room_sn         INTEGER NOT NULL,
    root_event_id   TEXT    NOT NULL,
    newest_position INTEGER NOT NULL,
    PRIMARY KEY (room_sn, root_event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX threads_by_newest ON threads (room_sn, newest_position);

INSERT INTO threads (room_sn, root_event_id, newest_position)
SELECT r.room_sn, r.target_event_id, max(e.position)
FROM relations r JOIN events e ON e.event_sn = r.event_sn
WHERE r.rel_type = 'm.thread' AND e.standing = 0 AND e.position IS NOT NULL
GROUP BY r.room_sn, r.target_event_id;
