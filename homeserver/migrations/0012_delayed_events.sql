-- Events that local users want sent later, with what is needed to send them in the user's name then. A row goes away when its event is
-- sent, cannot be sent, or is cancelled.
CREATE TABLE delayed_events (
    delay_id        TEXT    PRIMARY KEY,
    user_sn         INTEGER NOT NULL REFERENCES users,
    device_id       TEXT    NOT NULL,
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    type            TEXT    NOT NULL,
    -- NULL for message events.
    state_key       TEXT,
    content         TEXT    NOT NULL,
    -- The client's transaction id, NULL for state events: a repeated request is answered with the first one's delay.
    txn_id          TEXT,
    delay_ms        INTEGER NOT NULL,
    send_ts         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX delayed_events_by_time ON delayed_events (send_ts);
CREATE INDEX delayed_events_by_user ON delayed_events (user_sn, send_ts);
CREATE INDEX delayed_events_by_state ON delayed_events (room_sn, type, state_key) WHERE state_key IS NOT NULL;
CREATE UNIQUE INDEX delayed_events_by_transaction ON delayed_events (user_sn, device_id, room_sn, type, txn_id)
    WHERE txn_id IS NOT NULL;
