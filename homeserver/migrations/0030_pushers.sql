-- Pushers: how a gateway does, kept over restarts, and which counts it was told last.

ALTER TABLE pushers ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
-- Not tried before this.
ALTER TABLE pushers ADD COLUMN retry_ts INTEGER;
-- When the push key was last set.
ALTER TABLE pushers ADD COLUMN set_ts INTEGER NOT NULL DEFAULT 0;
-- The counts that the gateway was told last; NULL while none were counted.
ALTER TABLE pushers ADD COLUMN told_unread INTEGER;
ALTER TABLE pushers ADD COLUMN told_missed_calls INTEGER;
