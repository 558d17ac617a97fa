-- The first schema: everything the homeserver keeps, in one SQLite file.
--
-- Conventions. `*_sn` are short integer ids handed out by the writer; ids that the protocol spells as text stand once, in the table
-- that defines the number. `position` numbers come from one counter for the whole server (server.position), given in commit order, so
-- one number is a complete sync token; backfilled events have negative positions. Times are milliseconds since 1970, `*_ts`. JSON is
-- kept as text exactly as it was signed or sent. Nothing here is read by JSON operators, so that PostgreSQL can join later.

-- One row: counters and facts of this server.
CREATE TABLE server (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    server_name     TEXT    NOT NULL,
    -- The newest position that was committed.
    position        INTEGER NOT NULL,
    -- Goes up with each restore from a backup: all one-time keys of earlier epochs are void.
    epoch           INTEGER NOT NULL,
    created_ts      INTEGER NOT NULL
) STRICT;

-- Server names, ours (sn 1) and others'.
CREATE TABLE servers (
    server_sn       INTEGER PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE
) STRICT;

-- User ids, local and remote.
CREATE TABLE users (
    user_sn         INTEGER PRIMARY KEY,
    server_sn       INTEGER NOT NULL REFERENCES servers,
    user_id         TEXT    NOT NULL UNIQUE
) STRICT;
CREATE INDEX users_by_server ON users (server_sn);

-- Accounts of this server. A deactivated account keeps its row so that the name is not given out again.
CREATE TABLE accounts (
    user_sn         INTEGER PRIMARY KEY REFERENCES users,
    -- Argon2id in PHC format; NULL when no password can sign in.
    password_hash   TEXT,
    admin           INTEGER NOT NULL DEFAULT 0,
    guest           INTEGER NOT NULL DEFAULT 0,
    locked          INTEGER NOT NULL DEFAULT 0,
    suspended       INTEGER NOT NULL DEFAULT 0,
    deactivated_ts  INTEGER,
    created_ts      INTEGER NOT NULL
) STRICT;

-- Devices of local users.
CREATE TABLE devices (
    user_sn         INTEGER NOT NULL REFERENCES users,
    device_id       TEXT    NOT NULL,
    display_name    TEXT,
    last_seen_ts    INTEGER,
    last_seen_ip    TEXT,
    created_ts      INTEGER NOT NULL,
    PRIMARY KEY (user_sn, device_id)
) STRICT, WITHOUT ROWID;

-- Access tokens: only SHA-256 of the token is kept.
CREATE TABLE access_tokens (
    token_hash      BLOB    PRIMARY KEY,
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    expires_ts      INTEGER,
    FOREIGN KEY (user_sn, device_id) REFERENCES devices ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_by_device ON access_tokens (user_sn, device_id);

-- Refresh tokens; `used` stays until the access token made from it was seen, so that a lost answer can be asked again.
CREATE TABLE refresh_tokens (
    token_hash      BLOB    PRIMARY KEY,
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    next_token_hash BLOB,
    FOREIGN KEY (user_sn, device_id) REFERENCES devices ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_device ON refresh_tokens (user_sn, device_id);

-- Tokens for m.login.token (used once) and OpenID.
CREATE TABLE login_tokens (
    token_hash      BLOB    PRIMARY KEY,
    user_sn         INTEGER NOT NULL REFERENCES users,
    expires_ts      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- OpenID tokens that prove a user to another service; only SHA-256 of the token is kept.
CREATE TABLE openid_tokens (
    token_hash      BLOB    PRIMARY KEY,
    user_sn         INTEGER NOT NULL REFERENCES users,
    expires_ts      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Invite tokens for registration by m.login.registration_token.
CREATE TABLE registration_tokens (
    token           TEXT    PRIMARY KEY,
    uses_allowed    INTEGER,
    uses            INTEGER NOT NULL DEFAULT 0,
    expires_ts      INTEGER
) STRICT, WITHOUT ROWID;

-- Profile fields (displayname, avatar_url, m.tz, custom ones) as JSON values; of local users for ever, of remote ones as a cache.
CREATE TABLE profile_fields (
    user_sn         INTEGER NOT NULL REFERENCES users,
    field           TEXT    NOT NULL,
    value           TEXT    NOT NULL,
    fetched_ts      INTEGER,
    PRIMARY KEY (user_sn, field)
) STRICT, WITHOUT ROWID;

-- Account data, global (room_sn 0) and per room (tags and read markers too). Push rules are the type m.push_rules.
CREATE TABLE account_data (
    user_sn         INTEGER NOT NULL REFERENCES users,
    room_sn         INTEGER NOT NULL,
    type            TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    position        INTEGER NOT NULL,
    PRIMARY KEY (user_sn, room_sn, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_data_by_position ON account_data (user_sn, position);

-- Filters by user, stored once each.
CREATE TABLE filters (
    user_sn         INTEGER NOT NULL REFERENCES users,
    filter_id       INTEGER NOT NULL,
    filter          TEXT    NOT NULL,
    PRIMARY KEY (user_sn, filter_id)
) STRICT, WITHOUT ROWID;

-- Answers to requests with a client transaction id (to-device, redact): a repeated request gets the first answer.
-- `/send` has its own table, event_transactions, since the id also travels back in unsigned.
CREATE TABLE transactions (
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    path            TEXT    NOT NULL,
    txn_id          TEXT    NOT NULL,
    answer          TEXT    NOT NULL,
    created_ts      INTEGER NOT NULL,
    PRIMARY KEY (user_sn, device_id, path, txn_id),
    FOREIGN KEY (user_sn, device_id) REFERENCES devices ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Where a user wants notifications sent, one row per app and push key.
CREATE TABLE pushers (
    user_sn         INTEGER NOT NULL REFERENCES users,
    app_id          TEXT    NOT NULL,
    pushkey         TEXT    NOT NULL,
    device_id       TEXT,
    pusher          TEXT    NOT NULL,
    failing_since_ts INTEGER,
    -- Newest notification handed to the gateway.
    sent_position   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_sn, app_id, pushkey)
) STRICT, WITHOUT ROWID;

-- End-to-end encryption ------------------------------------------------------------------------------------------------------------

-- Identity keys of local devices, the JSON as signed by the device.
CREATE TABLE device_keys (
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    keys            TEXT    NOT NULL,
    PRIMARY KEY (user_sn, device_id)
) STRICT, WITHOUT ROWID;

-- One-time keys in upload order; handed out once, lowest `sn` first, and deleted with that.
CREATE TABLE one_time_keys (
    sn              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    algorithm       TEXT    NOT NULL,
    key_id          TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    UNIQUE (user_sn, device_id, algorithm, key_id)
) STRICT;
CREATE INDEX one_time_keys_in_order ON one_time_keys (user_sn, device_id, algorithm, sn);

-- The key that is handed out when a device has no one-time key left; `used` tells the device to make a new one.
CREATE TABLE fallback_keys (
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    algorithm       TEXT    NOT NULL,
    key_id          TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    used            INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_sn, device_id, algorithm)
) STRICT, WITHOUT ROWID;

-- usage is master, self_signing or user_signing; of local users, and of remote ones whose device lists we follow.
CREATE TABLE cross_signing_keys (
    user_sn         INTEGER NOT NULL REFERENCES users,
    usage           TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    PRIMARY KEY (user_sn, usage)
) STRICT, WITHOUT ROWID;

-- Signatures uploaded by `signer` on a key (device id or public key) of `user`; merged into the answer of /keys/query.
CREATE TABLE key_signatures (
    user_sn         INTEGER NOT NULL REFERENCES users,
    target          TEXT    NOT NULL,
    signer_sn       INTEGER NOT NULL REFERENCES users,
    signing_key_id  TEXT    NOT NULL,
    signature       TEXT    NOT NULL,
    PRIMARY KEY (user_sn, target, signer_sn, signing_key_id)
) STRICT, WITHOUT ROWID;

-- Whose keys changed, newest position per user: /keys/changes and device_lists of sync read it.
CREATE TABLE device_list_changes (
    user_sn         INTEGER PRIMARY KEY REFERENCES users,
    position        INTEGER NOT NULL,
    -- For local users, the stream id of the m.device_list_update EDU last sent.
    stream_id       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX device_list_changes_by_position ON device_list_changes (position);

-- Device lists of remote users with whom a local user shares a room: the answer of their server, kept fresh by EDUs.
CREATE TABLE remote_device_lists (
    user_sn         INTEGER PRIMARY KEY REFERENCES users,
    stream_id       INTEGER,
    -- Set when an EDU was missed: to be fetched again before it is answered from.
    stale           INTEGER NOT NULL DEFAULT 1
) STRICT;
-- Devices of other servers' users, as their servers told them.
CREATE TABLE remote_devices (
    user_sn         INTEGER NOT NULL REFERENCES users,
    device_id       TEXT    NOT NULL,
    keys            TEXT    NOT NULL,
    display_name    TEXT,
    PRIMARY KEY (user_sn, device_id)
) STRICT, WITHOUT ROWID;

-- Versions of a user's key backup; the sessions in them are encrypted by the client.
CREATE TABLE key_backups (
    user_sn         INTEGER NOT NULL REFERENCES users,
    version         INTEGER NOT NULL,
    algorithm       TEXT    NOT NULL,
    auth_data       TEXT    NOT NULL,
    etag            INTEGER NOT NULL DEFAULT 0,
    deleted         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_sn, version)
) STRICT, WITHOUT ROWID;
-- The encrypted room keys of one backup version.
CREATE TABLE key_backup_sessions (
    user_sn         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    room_id         TEXT    NOT NULL,
    session_id      TEXT    NOT NULL,
    first_message_index INTEGER NOT NULL,
    forwarded_count INTEGER NOT NULL,
    is_verified     INTEGER NOT NULL,
    session_data    TEXT    NOT NULL,
    PRIMARY KEY (user_sn, version, room_id, session_id)
) STRICT, WITHOUT ROWID;

-- To-device messages waiting for a local device; deleted when the next `since` acknowledges them.
CREATE TABLE to_device (
    position        INTEGER PRIMARY KEY,
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    sender_sn       INTEGER NOT NULL REFERENCES users,
    type            TEXT    NOT NULL,
    content         TEXT    NOT NULL
) STRICT;
CREATE INDEX to_device_by_device ON to_device (user_sn, device_id, position);

-- m.direct_to_device EDUs taken from other servers, by message id, so that a repeated one is taken once.
CREATE TABLE to_device_seen (
    server_sn       INTEGER NOT NULL REFERENCES servers,
    message_id      TEXT    NOT NULL,
    received_ts     INTEGER NOT NULL,
    PRIMARY KEY (server_sn, message_id)
) STRICT, WITHOUT ROWID;

-- Rooms and events -----------------------------------------------------------------------------------------------------------------

-- Rooms that this server knows: joined, left, or seen from outside by an invite or a knock.
CREATE TABLE rooms (
    room_sn         INTEGER PRIMARY KEY,
    room_id         TEXT    NOT NULL UNIQUE,
    version         TEXT    NOT NULL,
    -- The snapshot of current_state; NULL for rooms known by invite or knock alone.
    snapshot_sn     INTEGER,
    -- Listed in our directory.
    published       INTEGER NOT NULL DEFAULT 0,
    -- While the state is partial: the server we joined through, and since when.
    partial_via     TEXT,
    partial_since_ts INTEGER,
    created_ts      INTEGER NOT NULL
) STRICT;

-- Event types, spelled once.
CREATE TABLE event_types (
    type_sn         INTEGER PRIMARY KEY,
    type            TEXT    NOT NULL UNIQUE
) STRICT;

-- Pairs of event type and state key.
CREATE TABLE state_keys (
    key_sn          INTEGER PRIMARY KEY,
    type_sn         INTEGER NOT NULL REFERENCES event_types,
    state_key       TEXT    NOT NULL,
    UNIQUE (type_sn, state_key)
) STRICT;

-- Events. standing: 0 accepted, 1 soft-failed, 2 rejected, 3 only the id is known (an edge names it).
CREATE TABLE events (
    event_sn        INTEGER PRIMARY KEY,
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    event_id        TEXT    NOT NULL UNIQUE,
    standing        INTEGER NOT NULL,
    -- NULL for events that are not on the timeline (outliers: auth events, state fetched at a join).
    position        INTEGER,
    depth           INTEGER NOT NULL DEFAULT 0,
    type_sn         INTEGER NOT NULL DEFAULT 0,
    -- Set for state events.
    key_sn          INTEGER,
    sender_sn       INTEGER NOT NULL DEFAULT 0,
    origin_ts       INTEGER NOT NULL DEFAULT 0,
    received_ts     INTEGER NOT NULL DEFAULT 0,
    -- State before the event; NULL for outliers.
    snapshot_sn     INTEGER,
    -- The state before it was computed while the room was partial.
    partial_state   INTEGER NOT NULL DEFAULT 0,
    redacted_by     INTEGER
) STRICT;
CREATE UNIQUE INDEX events_timeline ON events (room_sn, position) WHERE position IS NOT NULL;
CREATE INDEX events_by_position ON events (position) WHERE position > 0;

-- Bodies apart from the columns that queries read: the signed PDU as received, or what redaction left of it.
CREATE TABLE event_json (
    event_sn        INTEGER PRIMARY KEY REFERENCES events,
    json            TEXT    NOT NULL
) STRICT;

-- The original of a redacted event, for the time that settings allow.
CREATE TABLE redacted_originals (
    event_sn        INTEGER PRIMARY KEY REFERENCES events,
    json            TEXT    NOT NULL,
    redacted_ts     INTEGER NOT NULL
) STRICT;

-- Redactions that came before the event they name, or whose right to redact is not known yet.
CREATE TABLE pending_redactions (
    room_sn         INTEGER NOT NULL,
    target_event_id TEXT    NOT NULL,
    redaction_sn    INTEGER NOT NULL REFERENCES events,
    PRIMARY KEY (room_sn, target_event_id, redaction_sn)
) STRICT, WITHOUT ROWID;

-- kind 0: prev_events, 1: auth_events.
CREATE TABLE edges (
    event_sn        INTEGER NOT NULL,
    kind            INTEGER NOT NULL,
    parent_sn       INTEGER NOT NULL,
    PRIMARY KEY (event_sn, kind, parent_sn)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_by_parent ON edges (parent_sn, kind);

-- Transaction ids of events sent by local devices.
CREATE TABLE event_transactions (
    event_sn        INTEGER PRIMARY KEY REFERENCES events,
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    room_sn         INTEGER NOT NULL,
    type            TEXT    NOT NULL,
    txn_id          TEXT    NOT NULL,
    UNIQUE (user_sn, device_id, room_sn, type, txn_id)
) STRICT;

-- m.relates_to, for bundling, /relations and threads. The target may not be known yet.
CREATE TABLE relations (
    event_sn        INTEGER PRIMARY KEY REFERENCES events,
    room_sn         INTEGER NOT NULL,
    target_event_id TEXT    NOT NULL,
    rel_type        TEXT    NOT NULL,
    -- The reaction's key, for m.annotation.
    key             TEXT
) STRICT;
CREATE INDEX relations_by_target ON relations (target_event_id, rel_type, event_sn);
CREATE INDEX relations_by_room ON relations (room_sn, rel_type, event_sn);

-- Newest events that no accepted event names as its parent.
CREATE TABLE forward_extremities (
    room_sn         INTEGER NOT NULL,
    event_sn        INTEGER NOT NULL,
    PRIMARY KEY (room_sn, event_sn)
) STRICT, WITHOUT ROWID;

-- Events whose parents we lack: where backfill goes on.
CREATE TABLE backward_extremities (
    room_sn         INTEGER NOT NULL,
    -- The missing event.
    event_sn        INTEGER NOT NULL,
    -- The event we have that names it.
    child_sn        INTEGER NOT NULL,
    failed_ts       INTEGER,
    PRIMARY KEY (room_sn, event_sn, child_sn)
) STRICT, WITHOUT ROWID;

-- Holes of the timeline: between `after` (exclusive) and `before` history is missing; sync sets `limited` across one.
CREATE TABLE timeline_gaps (
    room_sn         INTEGER NOT NULL,
    before_position INTEGER NOT NULL,
    PRIMARY KEY (room_sn, before_position)
) STRICT, WITHOUT ROWID;

-- State snapshots in layers: `entries` (varint pairs of key_sn and event_sn, event_sn 0 = removed) laid over `parent_sn`.
-- `hash` is the order-independent hash of the whole state: equal states are stored once per room.
CREATE TABLE snapshots (
    snapshot_sn     INTEGER PRIMARY KEY,
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    parent_sn       INTEGER,
    depth           INTEGER NOT NULL,
    hash            BLOB    NOT NULL,
    entries         BLOB    NOT NULL,
    entry_count     INTEGER NOT NULL,
    UNIQUE (room_sn, hash)
) STRICT;

-- The resolved state of each room now, as plain rows. `position` is when this entry took effect.
CREATE TABLE current_state (
    room_sn         INTEGER NOT NULL,
    key_sn          INTEGER NOT NULL,
    event_sn        INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    PRIMARY KEY (room_sn, key_sn)
) STRICT, WITHOUT ROWID;

-- How current_state changed, so that sync can tell a state change that came without its own timeline event (state resolution, reset).
CREATE TABLE current_state_changes (
    room_sn         INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    key_sn          INTEGER NOT NULL,
    -- NULL when the entry went away.
    event_sn        INTEGER,
    previous_sn     INTEGER,
    PRIMARY KEY (room_sn, position, key_sn)
) STRICT, WITHOUT ROWID;

-- Who is in a room now, from current_state. membership: 0 leave, 1 join, 2 invite, 3 knock, 4 ban.
CREATE TABLE members (
    room_sn         INTEGER NOT NULL,
    user_sn         INTEGER NOT NULL REFERENCES users,
    server_sn       INTEGER NOT NULL REFERENCES servers,
    membership      INTEGER NOT NULL,
    event_sn        INTEGER NOT NULL,
    -- From the member event, for room names and lists without reading bodies.
    display_name    TEXT,
    avatar_url      TEXT,
    PRIMARY KEY (room_sn, user_sn)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_membership ON members (room_sn, membership, event_sn);
CREATE INDEX members_by_server ON members (server_sn, membership, room_sn);
CREATE INDEX members_by_user ON members (user_sn, membership, room_sn);

-- The local users' own view: also rooms that the server is not in (invites, knocks, rejected invites).
CREATE TABLE local_memberships (
    user_sn         INTEGER NOT NULL REFERENCES users,
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    membership      INTEGER NOT NULL,
    -- The member event; NULL when it is not stored as an event (an invite from a room that we are not in).
    event_sn        INTEGER,
    position        INTEGER NOT NULL,
    -- When the user last became joined; history before is subject to history visibility.
    joined_position INTEGER,
    -- JSON array of stripped state events, for invites and knocks.
    stripped_state  TEXT,
    -- The signed invite PDU of a room we are not in, needed to reject it.
    invite_event    TEXT,
    forgotten       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_sn, room_sn)
) STRICT, WITHOUT ROWID;
CREATE INDEX local_memberships_by_room ON local_memberships (room_sn, membership);
CREATE INDEX local_memberships_by_position ON local_memberships (user_sn, position);

-- Room aliases of this server.
CREATE TABLE aliases (
    alias           TEXT    PRIMARY KEY,
    room_sn         INTEGER NOT NULL REFERENCES rooms,
    creator_sn      INTEGER NOT NULL REFERENCES users,
    created_ts      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_room ON aliases (room_sn);

-- Receipts: one per room, user, type and thread ('' = unthreaded).
CREATE TABLE receipts (
    room_sn         INTEGER NOT NULL,
    user_sn         INTEGER NOT NULL REFERENCES users,
    type            TEXT    NOT NULL,
    thread_id       TEXT    NOT NULL,
    event_id        TEXT    NOT NULL,
    data            TEXT    NOT NULL,
    position        INTEGER NOT NULL,
    PRIMARY KEY (room_sn, user_sn, type, thread_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_by_position ON receipts (room_sn, position);

-- What push rules decided for local users, per event: unread counts are counted from here. Pruned when read.
CREATE TABLE notifications (
    user_sn         INTEGER NOT NULL REFERENCES users,
    room_sn         INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    event_sn        INTEGER NOT NULL REFERENCES events,
    thread_id       TEXT    NOT NULL,
    notify          INTEGER NOT NULL,
    highlight       INTEGER NOT NULL,
    actions         TEXT    NOT NULL,
    PRIMARY KEY (user_sn, room_sn, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_by_position ON notifications (user_sn, position);

-- Media -----------------------------------------------------------------------------------------------------------------------------

-- Bytes lie in files named by `file` under DATA/media; remote media is a cache.
CREATE TABLE media (
    server_sn       INTEGER NOT NULL REFERENCES servers,
    media_id        TEXT    NOT NULL,
    file            TEXT,
    size            INTEGER,
    content_type    TEXT,
    content_disposition TEXT,
    uploader_sn     INTEGER,
    created_ts      INTEGER NOT NULL,
    last_used_ts    INTEGER NOT NULL,
    -- A created but not yet uploaded id expires then.
    unused_expires_ts INTEGER,
    -- New media is not served by the unauthenticated endpoints.
    authenticated   INTEGER NOT NULL DEFAULT 1,
    quarantined     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (server_sn, media_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX media_by_use ON media (last_used_ts);
-- Thumbnails that were made of media or fetched with it.
CREATE TABLE thumbnails (
    server_sn       INTEGER NOT NULL,
    media_id        TEXT    NOT NULL,
    width           INTEGER NOT NULL,
    height          INTEGER NOT NULL,
    method          TEXT    NOT NULL,
    animated        INTEGER NOT NULL,
    content_type    TEXT    NOT NULL,
    file            TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    PRIMARY KEY (server_sn, media_id, width, height, method, animated),
    FOREIGN KEY (server_sn, media_id) REFERENCES media ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Federation ------------------------------------------------------------------------------------------------------------------------

-- Signing keys of other servers; expired ones stay, since old events need them.
CREATE TABLE signing_keys (
    server_sn       INTEGER NOT NULL REFERENCES servers,
    key_id          TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    valid_until_ts  INTEGER NOT NULL,
    -- Set for old_verify_keys.
    expired_ts      INTEGER,
    fetched_ts      INTEGER NOT NULL,
    PRIMARY KEY (server_sn, key_id)
) STRICT, WITHOUT ROWID;
-- Their signed answers, which a notary must give out unchanged.
CREATE TABLE signing_key_answers (
    server_sn       INTEGER PRIMARY KEY REFERENCES servers,
    answer          TEXT    NOT NULL,
    valid_until_ts  INTEGER NOT NULL,
    fetched_ts      INTEGER NOT NULL
) STRICT;

-- PDUs accepted from other servers (the transaction was acknowledged) and not processed yet.
CREATE TABLE staging (
    staging_sn      INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id         TEXT    NOT NULL,
    event_id        TEXT    NOT NULL UNIQUE,
    origin          TEXT    NOT NULL,
    json            TEXT    NOT NULL,
    received_ts     INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX staging_by_room ON staging (room_id, staging_sn);

-- Transactions received by /send, with our answers, so that a repeated one is answered and not done again.
CREATE TABLE received_transactions (
    server_sn       INTEGER NOT NULL REFERENCES servers,
    txn_id          TEXT    NOT NULL,
    answer          TEXT    NOT NULL,
    received_ts     INTEGER NOT NULL,
    PRIMARY KEY (server_sn, txn_id)
) STRICT, WITHOUT ROWID;

-- How each other server does, and when it is tried again.
CREATE TABLE destinations (
    server_sn       INTEGER PRIMARY KEY REFERENCES servers,
    failures        INTEGER NOT NULL DEFAULT 0,
    failing_since_ts INTEGER,
    retry_ts        INTEGER,
    last_success_ts INTEGER,
    -- A transaction that was sent and not acknowledged goes again under its own id.
    txn_counter     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The outbox: per destination and room, events of positions above `sent` and up to `owed` are to be sent. Markers, not copies.
CREATE TABLE outbox_rooms (
    server_sn       INTEGER NOT NULL REFERENCES servers,
    room_sn         INTEGER NOT NULL,
    sent_position   INTEGER NOT NULL,
    owed_position   INTEGER NOT NULL,
    PRIMARY KEY (server_sn, room_sn)
) STRICT, WITHOUT ROWID;
-- Events made here that are owed, so that the marker finds them without reading the room: local events only.
CREATE TABLE outbox_events (
    position        INTEGER PRIMARY KEY,
    room_sn         INTEGER NOT NULL,
    event_sn        INTEGER NOT NULL REFERENCES events
) STRICT;
CREATE INDEX outbox_events_by_room ON outbox_events (room_sn, position);

-- To-device EDUs wait one by one, in order: they go before PDUs and are never dropped.
CREATE TABLE outbox_to_device (
    sn              INTEGER PRIMARY KEY AUTOINCREMENT,
    server_sn       INTEGER NOT NULL REFERENCES servers,
    edu             TEXT    NOT NULL
) STRICT;
CREATE INDEX outbox_to_device_by_server ON outbox_to_device (server_sn, sn);

-- Other EDUs coalesce: a newer one with the same key takes the place of the older.
CREATE TABLE outbox_edus (
    server_sn       INTEGER NOT NULL REFERENCES servers,
    coalesce_key    TEXT    NOT NULL,
    sn              INTEGER NOT NULL,
    edu             TEXT    NOT NULL,
    PRIMARY KEY (server_sn, coalesce_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_edus_in_order ON outbox_edus (server_sn, sn);

-- Where peers with key names were reached: address tickets, by server.
CREATE TABLE peer_addresses (
    server_sn       INTEGER PRIMARY KEY REFERENCES servers,
    ticket          TEXT    NOT NULL,
    seen_ts         INTEGER NOT NULL
) STRICT;

-- Sliding sync: one compact row per connection, and what it was told of each room, for the last two positions.
CREATE TABLE sync_connections (
    connection_sn   INTEGER PRIMARY KEY,
    user_sn         INTEGER NOT NULL,
    device_id       TEXT    NOT NULL,
    conn_id         TEXT    NOT NULL,
    -- JSON of sync's own making: two positions, each with room states, and the sticky parameters.
    state           BLOB    NOT NULL,
    used_ts         INTEGER NOT NULL,
    UNIQUE (user_sn, device_id, conn_id),
    FOREIGN KEY (user_sn, device_id) REFERENCES devices ON DELETE CASCADE
) STRICT;
