//! History visibility: which events a local user may see (Client-Server API, "Room history visibility").

use ruma::{OwnedRoomId, UserId};
use serde::Deserialize;

use crate::{
    domain::events::{redact::redacted_json, versions},
    store::{Db, KeySn, LocalMembership, Membership, RoomSn, SnapshotSn, StoreError, StoredEvent, UserSn},
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
            if in_joined_time(mine.as_ref(), &event) || says_where_they_stand(mine.as_ref(), &event) {
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
pub(super) fn in_joined_time(mine: Option<&LocalMembership>, event: &StoredEvent) -> bool {
    mine.is_some_and(|mine| {
        mine.membership == Membership::Join
            && mine.joined_position.zip(event.position).is_some_and(|(joined, position)| position >= joined)
    })
}

/// Whoever was removed or banned sees the event that did it, whatever the room's visibility.
fn says_where_they_stand(mine: Option<&LocalMembership>, event: &StoredEvent) -> bool {
    mine.is_some_and(|mine| mine.event_sn == Some(event.sn))
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
    let joined_later = mine.is_some_and(|mine| {
        mine.membership == Membership::Join
            || mine.joined_position.zip(event.position).is_some_and(|(joined, position)| joined >= position)
    });
    let visibilities = visibilities_at(db, room, event).await?;
    let memberships = memberships_at(db, user_id, event).await?;
    Ok(memberships.into_iter().flatten().any(|member| {
        visibilities.into_iter().flatten().any(|visibility| match visibility {
            _ if member == Membership::Join => true,
            Visibility::WorldReadable => true,
            Visibility::Shared => joined_later,
            Visibility::Invited => member == Membership::Invite,
            Visibility::Joined => false,
        })
    }))
}

/// The user's membership before the event and, when that is their own member event, after it: either may let them see it.
async fn memberships_at(
    db: &mut Db,
    user_id: &UserId,
    event: &StoredEvent,
) -> Result<[Option<Membership>; 2], StoreError> {
    let before = match event.snapshot {
        Some(snapshot) => membership_in(db, user_id, snapshot).await?,
        None => Membership::Leave,
    };
    let own = event.key.is_some() && event.key == db.key_sn("m.room.member", user_id.as_str()).await?;
    Ok([Some(before), own.then(|| membership_of(Some(&event.json)))])
}

/// A user's membership in a state.
pub(super) async fn membership_in(
    db: &mut Db,
    user_id: &UserId,
    snapshot: SnapshotSn,
) -> Result<Membership, StoreError> {
    let Some(key) = db.key_sn("m.room.member", user_id.as_str()).await? else { return Ok(Membership::Leave) };
    let Some(sn) = db.state_entry(snapshot, key).await? else { return Ok(Membership::Leave) };
    Ok(membership_of(db.event_by_sn(sn).await?.map(|event| event.json).as_deref()))
}

/// What a member event makes of its user.
pub(super) fn membership_of(json: Option<&str>) -> Membership {
    json.and_then(|json| serde_json::from_str::<Body<MemberContent>>(json).ok())
        .map_or(Membership::Leave, |body| Membership::parse(&body.content.membership))
}

/// The room's visibility before the event and, when that sets it, after it.
async fn visibilities_at(
    db: &mut Db,
    room: RoomSn,
    event: &StoredEvent,
) -> Result<[Option<Visibility>; 2], StoreError> {
    let Some(key) = db.key_sn("m.room.history_visibility", "").await? else {
        return Ok([Some(Visibility::Shared), None]);
    };
    let after = (event.key == Some(key)).then(|| parse(Some(event.json.clone())));
    Ok([Some(visibility_before(db, room, key, event).await?), after])
}

async fn visibility_before(
    db: &mut Db,
    room: RoomSn,
    key: KeySn,
    event: &StoredEvent,
) -> Result<Visibility, StoreError> {
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
