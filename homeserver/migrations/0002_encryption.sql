-- Encryption: what the first schema lacked.

-- What changed for one local user alone: somebody whose device list they now see (a room is shared, a key was signed: gone 0) or need no
-- longer follow (no room is shared any more: gone 1). Beside device_list_changes, which are for everybody, device_lists of sync read it.
CREATE TABLE device_list_sightings (
    user_sn         INTEGER NOT NULL REFERENCES users,
    other_sn        INTEGER NOT NULL REFERENCES users,
    position        INTEGER NOT NULL,
    gone            INTEGER NOT NULL,
    PRIMARY KEY (user_sn, other_sn)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_list_sightings_by_position ON device_list_sightings (user_sn, position);

-- The dehydrated device of a local user (MSC3814): a device nobody is signed in to, whose private keys the user's next device unseals.
-- It has a row in devices and keys like any other.
CREATE TABLE dehydrated_devices (
    user_sn         INTEGER PRIMARY KEY REFERENCES users,
    device_id       TEXT    NOT NULL,
    device_data     TEXT    NOT NULL,
    FOREIGN KEY (user_sn, device_id) REFERENCES devices ON DELETE CASCADE
) STRICT;

CREATE INDEX to_device_seen_by_age ON to_device_seen (received_ts);
