-- The other servers of a room that was joined without its members, as the server we joined through named them: whoever is not known by
-- a member yet counts as being in the room. Gone when the members are here.
CREATE TABLE partial_servers (
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    server_sn       INTEGER NOT NULL REFERENCES servers,
    PRIMARY KEY (room_sn, server_sn)
) STRICT, WITHOUT ROWID;

-- While the state is partial: our join, with which it began.
ALTER TABLE rooms ADD COLUMN partial_join_sn INTEGER;

-- What was judged meanwhile is judged again when the members are here.
CREATE INDEX events_partial ON events (room_sn) WHERE partial_state = 1;
