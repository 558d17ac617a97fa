//! Which rooms and events another server may read: it takes part in the room, its access list lets it, history is visible to it.

use ruma::{CanonicalJsonObject, RoomId, ServerName, events::room::history_visibility::HistoryVisibility};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    domain::federation::{Origin, acl},
    store::{Db, Membership, RoomRow, RoomSn, ServerSn, SnapshotSn, StoreError, StoredEvent},
};

/// Another server may not have what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("This server does not know the room")]
    UnknownRoom,
    #[error("This server does not have the event")]
    UnknownEvent,
    #[error("Your server is not in the room")]
    NotInRoom,
    #[error("The room's access list denies your server")]
    Denied,
    /// We joined a moment ago, and its members are not here yet.
    #[error("This server does not know the whole room yet")]
    Arriving,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Deserialize)]
struct WithContent<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
}

/// A room that we are in and whose access list lets the server in.
pub async fn open_room(db: &mut Db, room_id: &RoomId, server: &ServerName) -> Result<RoomRow, AccessError> {
    let room = db.room_by_id(room_id).await?.ok_or(AccessError::UnknownRoom)?;
    if !db.server_is_joined(room.sn, ServerSn::OURS).await? {
        return Err(AccessError::UnknownRoom);
    }
    if is_denied(db, room.sn, server).await? {
        return Err(AccessError::Denied);
    }
    Ok(room)
}

/// A room that we and the origin are in.
pub async fn shared_room(db: &mut Db, room_id: &RoomId, origin: &Origin) -> Result<RoomRow, AccessError> {
    let room = open_room(db, room_id, &origin.server_name).await?;
    if !db.server_is_joined(room.sn, origin.server).await? {
        return Err(AccessError::NotInRoom);
    }
    Ok(room)
}

/// The same for reading its history, when we can tell what the origin may see.
pub async fn readable_room(db: &mut Db, room_id: &RoomId, origin: &Origin) -> Result<RoomRow, AccessError> {
    let room = shared_room(db, room_id, origin).await?;
    if room.partial
        && let Some(state) = room.snapshot
        && !matches!(visibility(db, state).await?, HistoryVisibility::Shared | HistoryVisibility::WorldReadable)
    {
        return Err(AccessError::Arriving);
    }
    Ok(room)
}

/// Whether the room's access list keeps the server out.
pub async fn is_denied(db: &mut Db, room: RoomSn, server: &ServerName) -> Result<bool, StoreError> {
    let Some(event) = db.current_state_event(room, "m.room.server_acl", "").await? else { return Ok(false) };
    let content = serde_json::from_str::<WithContent<'_>>(&event.json).ok().map(|event| event.content);
    Ok(!acl::allows(content, server))
}

/// The event as this server may see it: whole, or without its content when history was not visible to it then.
pub async fn for_server(
    db: &mut Db,
    room: &RoomRow,
    event: &StoredEvent,
    server: ServerSn,
) -> Result<Option<Box<RawValue>>, StoreError> {
    let hidden = !is_visible(db, event, server).await? || is_forgotten(db, event, server).await?;
    let json = if hidden { redacted(&event.json, room) } else { Some(event.json.clone()) };
    Ok(json.and_then(|json| RawValue::from_string(json).ok()))
}

/// Whether history visibility shows the event to a server that is in the room.
pub async fn is_visible(db: &mut Db, event: &StoredEvent, server: ServerSn) -> Result<bool, StoreError> {
    let state = match event.snapshot {
        Some(state) => Some(state),
        // Of older events that we fetched ourselves, only the room's visibility now is known.
        None if event.position.is_some() => db.room(event.room).await?.snapshot,
        // Outliers are auth events and state, which every server of the room has.
        None => None,
    };
    let Some(state) = state else { return Ok(true) };
    let least = match visibility(db, state).await? {
        HistoryVisibility::Joined => [Membership::Join].as_slice(),
        HistoryVisibility::Invited => &[Membership::Join, Membership::Invite],
        _ => return Ok(true),
    };
    if db.server_sn_of_user(event.sender).await? == server {
        return Ok(true);
    }
    had_members(db, event, state, server, least).await
}

/// Whether its sender wanted it forgotten, and the server came later.
async fn is_forgotten(db: &mut Db, event: &StoredEvent, server: ServerSn) -> Result<bool, StoreError> {
    let Some(state) = event.snapshot.filter(|_| event.key.is_none()) else { return Ok(false) };
    Ok(db.erased_position(event.sender).await?.is_some()
        && !had_members(db, event, state, server, &[Membership::Join]).await?)
}

/// Whether users of a server had one of these memberships at the event.
async fn had_members(
    db: &mut Db,
    event: &StoredEvent,
    state: SnapshotSn,
    server: ServerSn,
    least: &[Membership],
) -> Result<bool, StoreError> {
    for user_id in db.members_of_server(event.room, server).await? {
        let Some(key) = db.key_sn("m.room.member", &user_id).await? else { continue };
        let Some(member) = db.state_entry(state, key).await? else { continue };
        let membership = db.event_by_sn(member).await?.map_or(Membership::Leave, |member| membership(&member.json));
        if least.contains(&membership) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn visibility(db: &mut Db, state: SnapshotSn) -> Result<HistoryVisibility, StoreError> {
    #[derive(Deserialize)]
    struct Content {
        history_visibility: HistoryVisibility,
    }
    let Some(key) = db.key_sn("m.room.history_visibility", "").await? else { return Ok(HistoryVisibility::Shared) };
    let Some(event) = db.state_entry(state, key).await? else { return Ok(HistoryVisibility::Shared) };
    let Some(event) = db.event_by_sn(event).await? else { return Ok(HistoryVisibility::Shared) };
    let content = serde_json::from_str::<WithContent<'_>>(&event.json).ok().map(|event| event.content);
    let content = content.and_then(|content| serde_json::from_str::<Content>(content.get()).ok());
    Ok(content.map_or(HistoryVisibility::Shared, |content| content.history_visibility))
}

fn membership(json: &str) -> Membership {
    #[derive(Deserialize)]
    struct Content {
        membership: String,
    }
    let content = serde_json::from_str::<WithContent<'_>>(json).ok().map(|event| event.content);
    let content = content.and_then(|content| serde_json::from_str::<Content>(content.get()).ok());
    content.map_or(Membership::Leave, |content| Membership::parse(&content.membership))
}

fn redacted(json: &str, room: &RoomRow) -> Option<String> {
    let object: CanonicalJsonObject = serde_json::from_str(json).ok()?;
    let redacted = ruma::canonical_json::redact(object, &room.version.rules()?.redaction, None).ok()?;
    serde_json::to_string(&redacted).ok()
}
