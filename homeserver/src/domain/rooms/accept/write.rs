//! Writing what was judged: an accepted event with what follows from it, the others aside.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{OwnedEventId, room_version_rules::RoomVersionRules};

use crate::{
    domain::{
        events::Pdu,
        rooms::{
            Rooms, RoomsError,
            append::{Accepted, Owed, append, put},
        },
    },
    store::{
        Durability, EventSn, KeySn, PutEvent, RoomRow, SnapshotSn, Standing, StateMap, StoreError, StoredEvent, Tx,
    },
};

use super::{
    Came,
    state::{add, difference, states_after},
};

/// An event of another server that may be written, with what is known of its place.
pub(super) struct Judged {
    pub room: RoomRow,
    pub rules: RoomVersionRules,
    pub event: Arc<Pdu>,
    pub parents: Vec<StoredEvent>,
    pub before: StateMap,
    /// Parents that have no place on the timeline.
    pub missing: Vec<OwnedEventId>,
}

impl Rooms {
    /// Writes an accepted event: first its number, then the room's new state is found, then everything in one transaction.
    pub(super) async fn write_remote(&self, judged: Judged, now: StateMap, came: &Came) -> Result<(), RoomsError> {
        let (snapshot, sn, key) = self.number(&judged).await?;
        let Judged { room, rules, event, before, missing, .. } = judged;
        let mut after = before;
        if let Some(key) = key {
            after.insert(key, sn);
        }
        let mut db = self.store.read().await?;
        let mut others = Vec::new();
        for (end, event_id, _) in db.forward_extremities(room.sn).await? {
            if !event.prev_events.iter().any(|parent| parent.as_str() == event_id) {
                others.push(db.event_by_sn(end).await?.ok_or(StoreError::Damaged("an end of a room's graph"))?);
            }
        }
        let mut states = states_after(&mut db, &others).await?;
        drop(db);
        add(&mut states, after);
        let new = self.resolved(&room, &rules, states).await?;
        let durability = if matches!(came.owed, Owed::Nobody) { Durability::Normal } else { Durability::Full };
        let accepted = Accepted {
            event: event.clone(),
            rules: rules.clone(),
            before: Some(snapshot),
            resolved: Some(difference(&now, &new)),
            owed: came.owed.clone(),
            missing,
            transaction: came.transaction.clone(),
            push: self.push.clone(),
            appservices: self.appservices.clone(),
        };
        let redacted = event.redaction_target(&rules);
        self.store
            .write::<_, StoreError, _>(durability, move |tx| {
                Box::pin(async move {
                    append(tx, room.sn, &accepted).await?;
                    tx.remove_backward_extremity(room.sn, sn).await
                })
            })
            .await?;
        if let Some(redacted) = redacted {
            self.cache.forget(&redacted);
        }
        self.cache.put(&event);
        Ok(())
    }

    /// Stores an event that is not shown.
    pub(super) async fn keep_aside(&self, judged: &Judged, standing: Standing) -> Result<(), RoomsError> {
        let (snapshot, ..) = self.number(judged).await?;
        let (room, event) = (judged.room.sn, judged.event.clone());
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { put(tx, room, &event, standing, None, Some(snapshot)).await.map(|_| ()) })
            })
            .await?;
        // As an outlier it may have been accepted.
        self.cache.forget(&judged.event.event_id);
        Ok(())
    }

    /// Gives the event its number (as an outlier until it is written) and the state before it a snapshot.
    async fn number(&self, judged: &Judged) -> Result<(SnapshotSn, EventSn, Option<KeySn>), RoomsError> {
        let (room, event, before) = (judged.room.sn, judged.event.clone(), judged.before.clone());
        let near = judged.parents.iter().find_map(|parent| parent.snapshot);
        Ok(self
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let snapshot = match near {
                        Some(near) => {
                            let changes = changes_from(tx, near, &before).await?;
                            tx.state_with(room, Some(near), &changes).await?
                        }
                        None => tx.put_state(room, &before).await?,
                    };
                    let PutEvent { sn, .. } = put(tx, room, &event, Standing::Accepted, None, None).await?;
                    let key = match &event.state_key {
                        Some(state_key) => Some(tx.make_key_sn(&event.kind.to_string(), state_key).await?),
                        None => None,
                    };
                    Ok((snapshot, sn, key))
                })
            })
            .await?)
    }
}

async fn changes_from(
    tx: &mut Tx,
    near: SnapshotSn,
    before: &StateMap,
) -> Result<BTreeMap<KeySn, Option<EventSn>>, StoreError> {
    Ok(difference(&tx.state(near).await?, before))
}
