-- Addresses that an identity server tells others to be a user's: there they are taken back.
CREATE TABLE threepid_bindings (
    user_sn         INTEGER NOT NULL REFERENCES users,
    -- `email` or `msisdn`.
    medium          TEXT    NOT NULL,
    address         TEXT    NOT NULL,
    -- The identity server's host, with its port where it has one of its own.
    id_server       TEXT    NOT NULL,
    bound_ts        INTEGER NOT NULL,
    PRIMARY KEY (user_sn, medium, address, id_server)
) STRICT, WITHOUT ROWID;
