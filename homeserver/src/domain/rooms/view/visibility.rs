//! History visibility: which events a local user may see (Client-Server API, "Room history visibility").

use ruma::{OwnedRoomId, UserId};
use serde::Deserialize;

use crate::{
    domain::events::{redact::redacted_json, versions},
    store::{Db, LocalMembership, Membership, RoomSn, SnapshotSn, StoreError, StoredEvent, UserSn},
};

use super::{super::Rooms, Body};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Joined,
    Invited,
    Shared,
    WorldReadable,
}

#[derive(Deserialize)]
struct VisibilityContent {
    history_visibility: String,
}

#[derive(Deserialize)]
struct MemberContent {
    membership: String,
}

impl Rooms {
    /// Keeps the events that the user may see.
    pub async fn visible(
        &self,
        db: &mut Db,
        user: UserSn,
        user_id: &UserId,
        room: RoomSn,
        events: Vec<StoredEvent>,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mine = db.local_membership(user, room).await?;
        let mut visible = Vec::with_capacity(events.len());
        let mut judged: Option<(SnapshotSn, bool)> = None;
        let mut rules = None;
        for mut event in events {
            if in_joined_time(mine.as_ref(), &event) {
                visible.push(event);
                continue;
            }
            // Neighbours mostly share the state before them; a change of the member or the visibility itself is judged apart.
            let allowed = match (event.snapshot, judged) {
                (Some(snapshot), Some((same, allowed))) if snapshot == same && event.key.is_none() => allowed,
                _ => may_see(db, user_id, room, mine.as_ref(), &event).await?,
            };
            if event.key.is_none() {
                judged = event.snapshot.map(|snapshot| (snapshot, allowed));
            }
            if allowed {
                if event.key.is_none() && is_forgotten(db, mine.as_ref(), &event).await? {
                    if rules.is_none() {
                        rules = versions::rules(&db.room(room).await?.version);
                    }
                    let json = rules.as_ref().and_then(|rules| redacted_json(&event.json, rules));
                    event.json = json.ok_or(StoreError::Damaged("an event"))?;
                }
                visible.push(event);
            }
        }
        Ok(visible)
    }

    /// Whether the user may read a room at all: is or was in it, or it is world-readable now.
    pub async fn may_read(&self, db: &mut Db, user: UserSn, room: RoomSn) -> Result<bool, StoreError> {
        if let Some(mine) = db.local_membership(user, room).await?
            && !mine.forgotten
            && (mine.membership == Membership::Join || mine.joined_position.is_some())
        {
            return Ok(true);
        }
        Ok(visibility_now(db, room).await? == Visibility::WorldReadable)
    }

    /// Rooms by id that a user is joined to.
    pub async fn joined_rooms(&self, user: UserSn) -> Result<Vec<OwnedRoomId>, StoreError> {
        let mut db = self.store().read().await?;
        let mut rooms = Vec::new();
        for mine in db.local_memberships(user).await? {
            if mine.membership == Membership::Join {
                rooms.push(db.room_id(mine.room_sn).await?);
            }
        }
        Ok(rooms)
    }
}

/// The ordinary case without reading any state: the user is in the room and was when the event came.
fn in_joined_time(mine: Option<&LocalMembership>, event: &StoredEvent) -> bool {
    mine.is_some_and(|mine| {
        mine.membership == Membership::Join
            && mine.joined_position.zip(event.position).is_some_and(|(joined, position)| position >= joined)
    })
}

/// Whether its sender closed their account and wanted it forgotten, before the reader came into the room.
async fn is_forgotten(db: &mut Db, mine: Option<&LocalMembership>, event: &StoredEvent) -> Result<bool, StoreError> {
    let Some(erased) = db.erased_position(event.sender).await? else { return Ok(false) };
    Ok(mine.and_then(|mine| mine.joined_position).is_none_or(|joined| joined > erased))
}

async fn may_see(
    db: &mut Db,
    user_id: &UserId,
    room: RoomSn,
    mine: Option<&LocalMembership>,
    event: &StoredEvent,
) -> Result<bool, StoreError> {
    let joined_now = mine.is_some_and(|mine| mine.membership == Membership::Join);
    // A user who left sees nothing that came after.
    if let Some(mine) = mine
        && !joined_now
        && mine.joined_position.is_some()
        && event.position.is_some_and(|position| position > mine.position)
    {
        return Ok(visibility_at(db, room, event).await? == Visibility::WorldReadable);
    }
    let was_joined = mine.is_some_and(|mine| mine.joined_position.is_some());
    let member = membership_at(db, user_id, event).await?;
    if member == Membership::Join {
        return Ok(true);
    }
    Ok(match visibility_at(db, room, event).await? {
        Visibility::WorldReadable => true,
        Visibility::Shared => joined_now || was_joined,
        Visibility::Invited => member == Membership::Invite,
        Visibility::Joined => false,
    })
}

async fn membership_at(db: &mut Db, user_id: &UserId, event: &StoredEvent) -> Result<Membership, StoreError> {
    let Some(key) = db.key_sn("m.room.member", user_id.as_str()).await? else { return Ok(Membership::Leave) };
    // One's own member event counts with the membership that it makes.
    let json = if event.key == Some(key) {
        Some(event.json.clone())
    } else {
        let Some(snapshot) = event.snapshot else { return Ok(Membership::Leave) };
        match db.state_entry(snapshot, key).await? {
            Some(sn) => db.event_by_sn(sn).await?.map(|event| event.json),
            None => None,
        }
    };
    Ok(json
        .and_then(|json| serde_json::from_str::<Body<MemberContent>>(&json).ok())
        .map_or(Membership::Leave, |body| Membership::parse(&body.content.membership)))
}

async fn visibility_at(db: &mut Db, room: RoomSn, event: &StoredEvent) -> Result<Visibility, StoreError> {
    let Some(key) = db.key_sn("m.room.history_visibility", "").await? else { return Ok(Visibility::Shared) };
    let json = match event.snapshot {
        Some(snapshot) => match db.state_entry(snapshot, key).await? {
            Some(sn) => db.event_by_sn(sn).await?.map(|event| event.json),
            None => None,
        },
        // Nothing stands before the room's first event.
        None if event.key.is_some() && event.key == db.key_sn("m.room.create", "").await? => None,
        // Backfilled events come without state: what is visible now decides.
        None => return visibility_now(db, room).await,
    };
    Ok(parse(json))
}

async fn visibility_now(db: &mut Db, room: RoomSn) -> Result<Visibility, StoreError> {
    Ok(parse(db.current_state_event(room, "m.room.history_visibility", "").await?.map(|event| event.json)))
}

fn parse(json: Option<String>) -> Visibility {
    let content = json.and_then(|json| serde_json::from_str::<Body<VisibilityContent>>(&json).ok());
    match content.map(|body| body.content.history_visibility).as_deref() {
        Some("world_readable") => Visibility::WorldReadable,
        Some("invited") => Visibility::Invited,
        Some("joined") => Visibility::Joined,
        _ => Visibility::Shared,
    }
}
