//! State for other servers: what a room's state was before an event, and what an event rests on.

use std::collections::BTreeSet;

use ruma::{EventId, OwnedEventId, RoomId};
use serde_json::value::RawValue;

use crate::{
    domain::federation::Origin,
    store::{Db, EventSn, RoomRow, StoreError, StoredEvent},
};

use super::{
    Inbound,
    access::{AccessError, shared_room},
};

/// A state and the events that it rests on, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateIds {
    pub state: Vec<OwnedEventId>,
    pub auth_chain: Vec<OwnedEventId>,
}

/// The same with whole events.
#[derive(Clone, Debug, Default)]
pub struct StateEvents {
    pub state: Vec<Box<RawValue>>,
    pub auth_chain: Vec<Box<RawValue>>,
}

impl Inbound {
    /// The state before an event.
    pub async fn state_ids(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        event_id: &EventId,
    ) -> Result<StateIds, AccessError> {
        let mut db = self.store.read().await?;
        let (room, event) = shared_event(&mut db, origin, room_id, event_id).await?;
        if room.partial {
            return Err(AccessError::Arriving);
        }
        let snapshot = event.snapshot.ok_or(AccessError::UnknownEvent)?;
        let sns: Vec<EventSn> = db.state(snapshot).await?.into_values().collect();
        let state: BTreeSet<OwnedEventId> = db.event_ids(&sns).await?.into_iter().collect();
        let chain = db.auth_chain_ids(&sns).await?;
        let auth_chain = chain.into_iter().filter(|id| !state.contains(id)).collect();
        Ok(StateIds { state: state.into_iter().collect(), auth_chain })
    }

    /// The state before an event, with the events.
    pub async fn state(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        event_id: &EventId,
    ) -> Result<StateEvents, AccessError> {
        let ids = self.state_ids(origin, room_id, event_id).await?;
        let mut db = self.store.read().await?;
        let state = bodies(&mut db, &ids.state).await?;
        let auth_chain = bodies(&mut db, &ids.auth_chain).await?;
        Ok(StateEvents { state, auth_chain })
    }

    /// Every event that an event rests on.
    pub async fn event_auth(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        event_id: &EventId,
    ) -> Result<Vec<Box<RawValue>>, AccessError> {
        let mut db = self.store.read().await?;
        let (_, event) = shared_event(&mut db, origin, room_id, event_id).await?;
        let chain = db.auth_chain_ids(&[event.sn]).await?;
        let chain: Vec<OwnedEventId> = chain.into_iter().filter(|id| *id != event.event_id).collect();
        Ok(bodies(&mut db, &chain).await?)
    }
}

async fn shared_event(
    db: &mut Db,
    origin: &Origin,
    room_id: &RoomId,
    event_id: &EventId,
) -> Result<(RoomRow, StoredEvent), AccessError> {
    let room = shared_room(db, room_id, origin).await?;
    let event = db.event(event_id).await?.filter(|event| event.room == room.sn).ok_or(AccessError::UnknownEvent)?;
    Ok((room, event))
}

/// The signed events of these ids, in their order.
pub async fn bodies(db: &mut Db, ids: &[OwnedEventId]) -> Result<Vec<Box<RawValue>>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(event) = db.event(id).await? {
            found.extend(RawValue::from_string(event.json));
        }
    }
    Ok(found)
}
