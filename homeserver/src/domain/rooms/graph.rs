//! The end of a room's graph while local events are added to it: parents, depth, and the state that decides.

use std::sync::Arc;

use ruma::{OwnedEventId, OwnedRoomId, RoomId, events::TimelineEventType, room_version_rules::RoomVersionRules};

use crate::{
    domain::events::{
        Pdu,
        auth::{LoadedState, authorise, needed_state},
        build::{Draft, Place, sign, unsigned},
    },
    store::{Db, RoomSn},
};

use super::{Rooms, RoomsError};

/// Most parents that a new event names.
const PARENTS: usize = 20;

/// Where the next event goes.
pub(super) struct Graph {
    /// `None` before the create event of a room whose id that event makes.
    pub room_id: Option<OwnedRoomId>,
    pub rules: RoomVersionRules,
    parents: Vec<OwnedEventId>,
    depth: i64,
    state: LoadedState,
}

impl Graph {
    /// The graph of a room that has no event yet.
    pub fn empty(room_id: Option<OwnedRoomId>, rules: RoomVersionRules) -> Self {
        Self { room_id, rules, parents: Vec::new(), depth: 0, state: LoadedState::new() }
    }

    /// The end of a room's graph now.
    pub async fn of_room(
        db: &mut Db,
        room: RoomSn,
        room_id: &RoomId,
        rules: RoomVersionRules,
    ) -> Result<Self, RoomsError> {
        let ends = db.forward_extremities(room).await?;
        let mut parents = Vec::new();
        let mut depth = 0;
        for (_, event_id, its_depth) in ends.into_iter().take(PARENTS) {
            depth = depth.max(its_depth);
            parents
                .push(OwnedEventId::try_from(event_id).map_err(|_| crate::store::StoreError::Damaged("an event id"))?);
        }
        Ok(Self { room_id: Some(room_id.to_owned()), rules, parents, depth, state: LoadedState::new() })
    }

    /// The event that `draft` becomes here, not signed, with the state loaded that decides about it.
    pub async fn place(
        &mut self,
        rooms: &Rooms,
        db: Option<(&mut Db, RoomSn)>,
        draft: &Draft,
    ) -> Result<ruma::CanonicalJsonObject, RoomsError> {
        let needed = needed_state(&self.rules, &draft.kind, &draft.sender, draft.state_key.as_deref(), &draft.content)
            .map_err(RoomsError::BadEvent)?;
        if let Some((db, room)) = db {
            let missing: Vec<(String, String)> = needed
                .iter()
                .map(|(kind, state_key)| (kind.to_string(), state_key.clone()))
                .filter(|place| !self.state.contains_key(place))
                .collect();
            if let Some(room_id) = &self.room_id {
                for (kind, state_key, stored) in db.current_state_events(room, &missing).await? {
                    self.state.insert((kind, state_key), rooms.parsed(&stored, room_id)?);
                }
            }
        }
        let implied_create = self.rules.authorization.room_create_event_id_as_room_id;
        let auth_events: Vec<OwnedEventId> = needed
            .iter()
            .filter(|(kind, _)| !(implied_create && kind.to_string() == "m.room.create"))
            .filter_map(|(kind, state_key)| self.state.get(&(kind.to_string(), state_key.clone())))
            .map(|event| event.event_id.clone())
            .collect();
        let is_create = draft.kind == TimelineEventType::RoomCreate;
        let place = Place {
            room_id: if is_create && implied_create { None } else { self.room_id.as_deref() },
            prev_events: &self.parents,
            auth_events: &auth_events,
            depth: self.depth.saturating_add(1).min(i64::from(ruma::Int::MAX)),
        };
        Ok(unsigned(draft, &place))
    }

    /// Makes `draft` the next event: places, signs and authorises it.
    pub async fn add(
        &mut self,
        rooms: &Rooms,
        db: Option<(&mut Db, RoomSn)>,
        draft: &Draft,
    ) -> Result<Arc<Pdu>, RoomsError> {
        let object = self.place(rooms, db, draft).await?;
        let event = Arc::new(sign(object, &self.rules, &rooms.server_name, &rooms.federation.keyring.identity())?);
        authorise(&self.rules, &event, &self.state).map_err(RoomsError::Forbidden)?;
        if self.room_id.is_none() {
            self.room_id = Some(event.room_id.clone());
        }
        self.follow(&event);
        Ok(event)
    }

    /// The event that another server's user may send here, not signed: the rules of the room allow it.
    pub async fn propose(
        &mut self,
        rooms: &Rooms,
        db: (&mut Db, RoomSn),
        draft: &Draft,
    ) -> Result<ruma::CanonicalJsonObject, RoomsError> {
        let object = self.place(rooms, Some(db), draft).await?;
        // The rules are asked about a signed event; this one goes nowhere.
        let event = sign(object.clone(), &self.rules, &rooms.server_name, &rooms.federation.keyring.identity())?;
        authorise(&self.rules, &event, &self.state).map_err(RoomsError::Forbidden)?;
        Ok(object)
    }

    /// `event` is the end of the graph now.
    pub fn follow(&mut self, event: &Arc<Pdu>) {
        self.parents = vec![event.event_id.clone()];
        self.depth = event.depth;
        if let Some(state_key) = &event.state_key {
            self.state.insert((event.kind.to_string(), state_key.clone()), event.clone());
        }
    }
}
