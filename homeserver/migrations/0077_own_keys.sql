-- The keys that this server signs with, as others may check with them. The one in use has not expired; the secret ones are kept elsewhere.
CREATE TABLE own_keys (
    -- ed25519:…
    key_id          TEXT    PRIMARY KEY,
    -- Unpadded base64.
    key             TEXT    NOT NULL,
    -- Milliseconds since 1970: what was signed later is not believed.
    expired_ts      INTEGER
) STRICT, WITHOUT ROWID;
