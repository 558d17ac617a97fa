-- What users reported to the owner of the server: a room, an event of a room, or a user. The other columns are NULL.
CREATE TABLE reports (
    report_sn       INTEGER PRIMARY KEY AUTOINCREMENT,
    reporter_sn     INTEGER NOT NULL REFERENCES users,
    room_sn         INTEGER REFERENCES rooms,
    event_id        TEXT,
    user_sn         INTEGER REFERENCES users,
    reason          TEXT    NOT NULL,
    reported_ts     INTEGER NOT NULL
) STRICT;
