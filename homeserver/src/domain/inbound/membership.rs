//! Other servers' users entering, leaving and knocking on our rooms, within the rooms' access lists; invites for ours.

use std::collections::HashSet;

use ruma::{EventId, OwnedEventId, RoomId, UserId};
use serde_json::value::RawValue;

use crate::{
    domain::{
        federation::Origin,
        rooms::{Arrival, Proposal, ReceivedInvite, RoomsError},
    },
    store::{Db, EventSn, KeySn, Membership, StateMap, StoreError},
};

use super::{
    Inbound,
    access::{AccessError, is_denied, open_room},
    state::bodies,
};

/// What other servers' users may not do.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Rooms(#[from] RoomsError),
}

/// The room as somebody who just joined needs it.
#[derive(Debug)]
pub struct EnteredRoom {
    pub state: Vec<Box<RawValue>>,
    pub auth_chain: Vec<Box<RawValue>>,
    /// The join with our signature, when we vouched for it.
    pub event: Option<Box<RawValue>>,
    pub servers: Vec<String>,
    /// Member events are missing in the state.
    pub members_omitted: bool,
}

/// A room of so few members is told whole: they are there sooner than anybody could ask for them.
const FEW: usize = 50;

/// The state without its members, but for those after whom a room without a name is called; whole where they are few.
async fn without_members(db: &mut Db, arrival: &Arrival, state: StateMap) -> Result<StateMap, StoreError> {
    let mut named = false;
    for kind in ["m.room.name", "m.room.canonical_alias"] {
        if let Some(key) = db.key_sn(kind, "").await? {
            named |= state.contains_key(&key);
        }
    }
    let mut kept: Vec<KeySn> = Vec::new();
    if !named {
        for hero in db.heroes(arrival.room.sn, arrival.event.sender).await? {
            kept.extend(db.key_sn("m.room.member", hero.user_id.as_str()).await?);
        }
    }
    let mut left = StateMap::new();
    for (key, event) in &state {
        if kept.contains(key) || db.state_key(*key).await?.0 != "m.room.member" {
            left.insert(*key, *event);
        }
    }
    Ok(if state.len() - left.len() > FEW { left } else { state })
}

impl Inbound {
    /// The event that a user of the origin may sign.
    pub async fn propose(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        user_id: &UserId,
        membership: Membership,
    ) -> Result<Proposal, EntryError> {
        self.open_to(origin, room_id, membership).await?;
        Ok(self.rooms.propose_member(origin, room_id, user_id, membership).await?)
    }

    /// Takes the signed event.
    pub async fn admit(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        event_id: &EventId,
        event: &RawValue,
        membership: Membership,
    ) -> Result<Arrival, EntryError> {
        self.open_to(origin, room_id, membership).await?;
        Ok(self.rooms.admit_member(origin, room_id, event_id, event, membership).await?)
    }

    /// Takes a signed join and answers the room's state before it.
    pub async fn admit_join(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        event_id: &EventId,
        event: &RawValue,
        omit_members: bool,
    ) -> Result<EnteredRoom, EntryError> {
        let arrival = self.admit(origin, room_id, event_id, event, Membership::Join).await?;
        let mut db = self.store.read().await.map_err(AccessError::from)?;
        let entered = async {
            let before = match arrival.event.snapshot {
                Some(snapshot) => db.state(snapshot).await?,
                None => StateMap::new(),
            };
            let all = before.len();
            let state = if omit_members { without_members(&mut db, &arrival, before).await? } else { before };
            let members_omitted = state.len() < all;
            let state: Vec<EventSn> = state.into_values().collect();
            let state_ids: Vec<OwnedEventId> = db.event_ids(&state).await?;
            let here: HashSet<&OwnedEventId> = state_ids.iter().collect();
            let starts: Vec<EventSn> = state.into_iter().chain([arrival.event.sn]).collect();
            let chain = db.auth_chain_ids(&starts).await?;
            let chain: Vec<OwnedEventId> =
                chain.into_iter().filter(|id| id != event_id && !here.contains(id)).collect();
            let mut servers = Vec::new();
            for server in db.joined_servers(arrival.room.sn).await? {
                servers.push(db.server_name(server).await?.to_string());
            }
            let vouched = arrival.vouched.then(|| RawValue::from_string(arrival.event.json.clone()).ok()).flatten();
            Ok::<_, AccessError>(EnteredRoom {
                state: bodies(&mut db, &state_ids).await?,
                auth_chain: bodies(&mut db, &chain).await?,
                event: vouched,
                servers,
                members_omitted,
            })
        };
        Ok(entered.await?)
    }

    /// Takes a signed knock and answers what a knocking user may see.
    pub async fn admit_knock(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        event_id: &EventId,
        event: &RawValue,
    ) -> Result<Vec<Box<RawValue>>, EntryError> {
        let arrival = self.admit(origin, room_id, event_id, event, Membership::Knock).await?;
        Ok(self.rooms.knock_state(&arrival).await?)
    }

    /// Takes an invite for one of our users and answers it with our signature.
    pub async fn invite(&self, origin: &Origin, invite: ReceivedInvite<'_>) -> Result<Box<RawValue>, EntryError> {
        let mut db = self.store.read().await.map_err(AccessError::from)?;
        if let Some(room) = db.room_sn(invite.room_id).await.map_err(AccessError::from)?
            && is_denied(&mut db, room, &origin.server_name).await.map_err(AccessError::from)?
        {
            return Err(AccessError::Denied.into());
        }
        drop(db);
        Ok(self.rooms.receive_invite(origin, invite).await?)
    }

    /// Who comes in is let in by those who know everybody.
    async fn open_to(&self, origin: &Origin, room_id: &RoomId, membership: Membership) -> Result<(), AccessError> {
        let room = open_room(&mut *self.store.read().await?, room_id, &origin.server_name).await?;
        if room.partial && membership != Membership::Leave {
            return Err(AccessError::Arriving);
        }
        Ok(())
    }
}
