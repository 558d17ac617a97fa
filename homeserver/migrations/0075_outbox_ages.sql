-- What is owed grows old: typing and presence say nothing after a while (NULL: it never does), and a message to a device that the
-- server refuses steps aside for a day, a few times.
ALTER TABLE outbox_edus ADD COLUMN expires_ts INTEGER;
ALTER TABLE outbox_to_device ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox_to_device ADD COLUMN refused_ts INTEGER;
