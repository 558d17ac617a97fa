-- What waits for a device is bounded, in all and for each server that sends it: counted by an index alone.
ALTER TABLE to_device ADD COLUMN server_sn INTEGER NOT NULL DEFAULT 1;
ALTER TABLE to_device ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX to_device_sizes ON to_device (user_sn, device_id, server_sn, bytes);
