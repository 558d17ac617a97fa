-- Accounts: what the first schema lacked.

-- What the app that uses a device called itself last.
ALTER TABLE devices ADD COLUMN last_seen_user_agent TEXT;

-- Set, to the moment, when a person who closed their account wanted it forgotten: who comes into a room later sees nothing of what they said.
ALTER TABLE accounts ADD COLUMN erased_position INTEGER;
