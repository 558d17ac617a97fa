-- Application services: one row each, by the id of its registration. A service that is no longer configured keeps its row.
CREATE TABLE appservices (
    service_sn      INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    -- Transactions that the service has acknowledged.
    txn_counter     INTEGER NOT NULL DEFAULT 0,
    -- What passes (typing, receipts, presence, messages to devices) was sent up to here.
    stream_position INTEGER NOT NULL,
    -- The transaction that is under way, exactly as it is repeated until it is acknowledged, and how far it reaches; else NULL.
    body            TEXT,
    body_events     INTEGER,
    body_stream     INTEGER
) STRICT;

-- Events that a service is owed, in order. Markers: the event is read when it is sent.
CREATE TABLE appservice_events (
    service_sn      INTEGER NOT NULL REFERENCES appservices,
    position        INTEGER NOT NULL,
    event_sn        INTEGER,
    -- The event itself where it is not stored as one: an invite to a room that we are not in.
    json            TEXT,
    PRIMARY KEY (service_sn, position)
) STRICT, WITHOUT ROWID;

-- Rooms that a service lists in the directory of one of its networks.
CREATE TABLE appservice_rooms (
    -- The service's id, a bar, the network's id: what clients ask for as third_party_instance_id.
    instance_id     TEXT    NOT NULL,
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    PRIMARY KEY (instance_id, room_sn)
) STRICT, WITHOUT ROWID;
CREATE INDEX appservice_rooms_by_room ON appservice_rooms (room_sn);

-- Receipts and device lists in the order of the server's stream.
CREATE INDEX receipts_in_order ON receipts (position);

DROP TABLE transactions;
-- Answers to requests with a client transaction id, anew: an application service's users may act without a device.
CREATE TABLE transactions (
    user_sn         INTEGER NOT NULL,
    -- Empty: no device.
    device_id       TEXT    NOT NULL,
    path            TEXT    NOT NULL,
    txn_id          TEXT    NOT NULL,
    answer          TEXT    NOT NULL,
    created_ts      INTEGER NOT NULL,
    PRIMARY KEY (user_sn, device_id, path, txn_id)
) STRICT, WITHOUT ROWID;
