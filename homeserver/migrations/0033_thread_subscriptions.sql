-- Threads that users follow (MSC4306).

-- One row for each thread that a user ever followed; `position` is when that last changed, which sync tells.
CREATE TABLE thread_subscriptions (
    user_sn         INTEGER NOT NULL REFERENCES users,
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    root_event_id   TEXT    NOT NULL,
    subscribed      INTEGER NOT NULL,
    -- A client followed it by itself, as for threads that its user speaks in.
    automatic       INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    PRIMARY KEY (user_sn, room_sn, root_event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX thread_subscriptions_by_position ON thread_subscriptions (user_sn, position);
