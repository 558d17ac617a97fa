//! Entering a room through another server: its state and auth chain, then our join at the end.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{RoomId, RoomVersionId};

use crate::{
    domain::{
        events::{
            Pdu,
            auth::{LoadedState, authorise},
            versions,
        },
        rooms::{
            Rooms, RoomsError,
            append::put,
            consequences::{self, Tell},
            partial::Omitted,
        },
    },
    store::{Durability, PutEvent, Standing, StateMap, StoreError},
};

use super::state::difference;

impl Rooms {
    /// Takes the answer of `send_join`: `join` is our user's member event, `state` the room before it, `auth_chain` what that rests on.
    /// Signatures were checked. Nothing is stored unless the state allows the join. With `omitted`, its members are still to come.
    pub(in crate::domain::rooms) async fn enter(
        &self,
        room_id: &RoomId,
        version: &RoomVersionId,
        join: Pdu,
        state: Vec<Pdu>,
        auth_chain: Vec<Pdu>,
        omitted: Option<Omitted>,
    ) -> Result<(), RoomsError> {
        let _turn = self.locks.lock(room_id).await;
        let rules = versions::rules(version).ok_or(RoomsError::UnsupportedVersion)?;
        let state_ids: Vec<_> = state.iter().map(|event| event.event_id.clone()).collect();
        let all = state.into_iter().chain(auth_chain).filter(|event| event.state_key.is_some()).collect();
        let checked = self.check_outliers(room_id, &rules, all).await?;
        let by_id: BTreeMap<_, _> =
            checked.iter().map(|(event, standing)| (&event.event_id, (event, standing))).collect();
        let mut loaded = LoadedState::new();
        // Those members whom the join rests on are known, whatever was left out.
        let claimed = join.auth_events.iter().filter(|_| omitted.is_some());
        for event_id in claimed.chain(&state_ids) {
            if let Some((event, Standing::Accepted)) = by_id.get(event_id)
                && let Some(state_key) = &event.state_key
            {
                loaded.insert((event.kind.to_string(), state_key.clone()), (*event).clone());
            }
        }
        authorise(&rules, &join, &loaded).map_err(RoomsError::Forbidden)?;
        drop(by_id);
        self.store_outliers(room_id, version, &checked).await?;
        let join = Arc::new(join);
        let (entered, arrives) = (room_id.to_owned(), omitted.is_some());
        let (room_id, version, written) = (room_id.to_owned(), version.clone(), join.clone());
        let appservices = self.appservices.clone();
        let room = self
            .store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    let room = tx.make_room(&room_id, &version).await?;
                    tx.set_room_version(room, &version).await?;
                    tx.end_partial(room).await?;
                    if let Some(omitted) = &omitted {
                        let join = tx.make_event_sn(room, &written.event_id).await?;
                        tx.begin_partial(room, &omitted.via, join, &omitted.servers).await?;
                    }
                    let mut before = StateMap::new();
                    for ((kind, state_key), event) in &loaded {
                        let key = tx.make_key_sn(kind, state_key).await?;
                        let sn = tx.make_event_sn(room, &event.event_id).await?;
                        before.insert(key, sn);
                    }
                    let snapshot = tx.put_state(room, &before).await?;
                    // What was said while we were out goes between.
                    let again = tx.has_timeline(room).await?;
                    let position = if again { tx.next_position_after_hole(room).await? } else { tx.next_position() };
                    let PutEvent { sn, .. } =
                        put(tx, room, &written, Standing::Accepted, Some(position), Some(snapshot)).await?;
                    tx.clear_forward_extremities(room).await?;
                    tx.extend_graph(room, sn, &[]).await?;
                    for parent in &written.prev_events {
                        let parent = tx.make_event_sn(room, parent).await?;
                        tx.add_backward_extremity(room, parent, sn).await?;
                    }
                    if !again {
                        tx.add_timeline_gap(room, position).await?;
                    }
                    let mut after = before;
                    let key = tx.make_key_sn("m.room.member", written.state_key.as_deref().unwrap_or_default()).await?;
                    after.insert(key, sn);
                    let now = tx.current_state_map(room).await?;
                    consequences::change_state(tx, room, position, &difference(&now, &after), Tell::LocalOnly).await?;
                    consequences::tell_appservices(tx, &appservices, room, sn, position, &written).await?;
                    for user in tx.local_joined_members(room).await? {
                        tx.wake_user(user);
                    }
                    Ok(room)
                })
            })
            .await?;
        self.cache.put(&join);
        if arrives {
            self.arrivals.begin(room, entered);
        }
        Ok(())
    }
}
