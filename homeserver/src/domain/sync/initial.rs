//! The first answer of old (`/initialSync`): all of a user's rooms with their newest messages and their state.

use ruma::{
    OwnedRoomId, UInt,
    api::client::{filter::FilterDefinition, sync::sync_events::v3 as api},
    presence::PresenceState,
    serde::Raw,
};
use serde::Serialize;
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use super::{Query, Sync, SyncError, Viewer, events};
use crate::{
    domain::events::{pdu::Pdu, versions},
    store::{Db, StoreError},
};

/// Everything that a user has.
#[derive(Debug, Serialize)]
pub struct Initial {
    /// Where what comes after begins.
    pub end: String,
    pub presence: Vec<Box<RawValue>>,
    pub rooms: Vec<InitialRoom>,
    pub account_data: Vec<Box<RawValue>>,
}

/// One of the user's rooms; an invite has no more than its own event.
#[derive(Debug, Serialize)]
pub struct InitialRoom {
    pub room_id: OwnedRoomId,
    pub membership: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Messages>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Vec<Box<RawValue>>>,
    pub visibility: &'static str,
    pub account_data: Vec<Box<RawValue>>,
}

/// The newest messages, oldest first.
#[derive(Debug, Serialize)]
pub struct Messages {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    pub end: String,
    pub chunk: Vec<Box<RawValue>>,
}

impl Sync {
    /// Rooms that the viewer is in or is invited to, and with `archived` those that it left.
    pub async fn initial(&self, viewer: &Viewer, limit: u32, archived: bool) -> Result<Initial, SyncError> {
        let mut filter = FilterDefinition::default();
        filter.room.timeline.limit = Some(UInt::from(limit));
        filter.room.include_leave = archived;
        let query = Query {
            filter,
            since: None,
            full_state: false,
            timeout: std::time::Duration::ZERO,
            state_after: true,
            set_presence: PresenceState::Offline,
        };
        let all = self.v3_now(viewer, &query).await?;
        let mut db = self.store.read().await?;
        let end = all.next_batch;
        let mut rooms = Vec::new();
        for (room_id, joined) in all.rooms.join {
            let parts = (joined.timeline, joined.state, joined.account_data);
            rooms.push(entered(&mut db, viewer, room_id, parts, &end).await?);
        }
        for (room_id, _) in all.rooms.invite {
            let mut room = InitialRoom::new(&mut db, viewer, room_id).await?;
            room.invite = self.own_event(&mut db, viewer, &room.room_id).await?;
            rooms.push(room);
        }
        for (room_id, left) in all.rooms.leave {
            rooms.push(entered(&mut db, viewer, room_id, (left.timeline, left.state, left.account_data), &end).await?);
        }
        Ok(Initial {
            end,
            presence: all.presence.events.into_iter().map(Raw::into_json).collect(),
            rooms,
            account_data: all.account_data.events.into_iter().map(Raw::into_json).collect(),
        })
    }

    /// The invite itself: as it is in the room, or as it came from another server.
    async fn own_event(
        &self,
        db: &mut Db,
        viewer: &Viewer,
        room_id: &OwnedRoomId,
    ) -> Result<Option<Box<RawValue>>, SyncError> {
        let Some(room) = db.sync_room_by_id(viewer.user, room_id).await? else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        if let Some(event) = room.event {
            let rows = db.event_rows(&[event]).await?;
            return Ok(in_room(events::state::<Value>(&rows, now_ms)?, room_id)?.pop());
        }
        let Some(invite) = db.local_membership(viewer.user, room.room).await?.and_then(|mine| mine.invite_event) else {
            return Ok(None);
        };
        let rules = versions::rules(&db.room(room.room).await?.version).ok_or(damaged("a room's version"))?;
        let object = serde_json::from_str(&invite).map_err(|_| damaged("an invite"))?;
        let pdu = Pdu::parse(&object, &rules).map_err(|_| damaged("an invite"))?;
        let event = serde_json::json!({
            "type": pdu.kind,
            "event_id": pdu.event_id,
            "room_id": room_id,
            "sender": pdu.sender,
            "state_key": pdu.state_key,
            "content": pdu.content,
            "origin_server_ts": pdu.origin_server_ts,
        });
        Ok(Some(to_raw_value(&event).map_err(|_| damaged("an invite"))?))
    }
}

impl InitialRoom {
    async fn new(db: &mut Db, viewer: &Viewer, room_id: OwnedRoomId) -> Result<Self, SyncError> {
        let room = db.room_by_id(&room_id).await?.ok_or(damaged("a room"))?;
        let mine = db.local_membership(viewer.user, room.sn).await?;
        let membership = mine.map_or("leave", |mine| mine.membership.as_str()).to_owned();
        let visibility = if room.published { "public" } else { "private" };
        Ok(Self {
            room_id,
            membership,
            invite: None,
            messages: None,
            state: None,
            visibility,
            account_data: Vec::new(),
        })
    }
}

async fn entered(
    db: &mut Db,
    viewer: &Viewer,
    room_id: OwnedRoomId,
    (timeline, state, account_data): (api::Timeline, api::State, api::RoomAccountData),
    end: &str,
) -> Result<InitialRoom, SyncError> {
    let mut room = InitialRoom::new(db, viewer, room_id).await?;
    let chunk = in_room(timeline.events, &room.room_id)?;
    room.messages = Some(Messages { start: timeline.prev_batch, end: end.to_owned(), chunk });
    let state = match state {
        api::State::Before(state) | api::State::After(state) => state.events,
        _ => Vec::new(),
    };
    room.state = Some(in_room(state, &room.room_id)?);
    room.account_data = account_data.events.into_iter().map(Raw::into_json).collect();
    Ok(room)
}

/// Events of a sync, with the room that a sync says once for all of them.
fn in_room<T>(events: Vec<Raw<T>>, room_id: &OwnedRoomId) -> Result<Vec<Box<RawValue>>, StoreError> {
    let add = |event: Raw<T>| {
        let mut event: Map<String, Value> = serde_json::from_str(event.json().get())?;
        event.insert("room_id".to_owned(), room_id.as_str().into());
        to_raw_value(&event)
    };
    events.into_iter().map(|event| add(event).map_err(|_| damaged("an event"))).collect()
}

fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged(what)
}
