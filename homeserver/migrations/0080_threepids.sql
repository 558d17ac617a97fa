-- Third-party identifiers.

-- Addresses that users showed to be theirs: to sign in by, and for another password.
CREATE TABLE threepids (
    -- `email`.
    medium          TEXT    NOT NULL,
    -- Case-folded, as the specification compares them.
    address         TEXT    NOT NULL,
    user_sn         INTEGER NOT NULL REFERENCES users,
    validated_ts    INTEGER NOT NULL,
    added_ts        INTEGER NOT NULL,
    PRIMARY KEY (medium, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX threepids_by_user ON threepids (user_sn);

-- Attempts to show that an e-mail address is one's own, for an hour.
CREATE TABLE threepid_sessions (
    session_id      TEXT    PRIMARY KEY,
    -- 0: to add it to an account, 1: for another password, 2: to make an account. What was shown for one is no good for another.
    purpose         INTEGER NOT NULL,
    address         TEXT    NOT NULL,
    -- SHA-256 of the secret that the client chose.
    secret_hash     BLOB    NOT NULL,
    -- The last one for which a mail was sent.
    send_attempt    INTEGER NOT NULL,
    -- Where the person goes afterwards.
    next_link       TEXT,
    validated_ts    INTEGER,
    expires_ts      INTEGER NOT NULL,
    UNIQUE (purpose, address, secret_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX threepid_sessions_by_end ON threepid_sessions (expires_ts);

-- What the mails of an attempt contain; only SHA-256 of the token is kept.
CREATE TABLE threepid_tokens (
    token_hash      BLOB    PRIMARY KEY,
    session_id      TEXT    NOT NULL REFERENCES threepid_sessions ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX threepid_tokens_by_session ON threepid_tokens (session_id);
