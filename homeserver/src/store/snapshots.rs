//! States of rooms, in layers: a small change costs a small row, equal states are stored once.
//!
//! A state is a base layer with up to three thinner ones over it. A change goes into the top layer while that stays thin, else into a
//! new one, else the top layers are merged downward: like a log-structured tree, so that each entry is copied a few times only.

use std::collections::BTreeMap;

use super::{Db, EventSn, KeySn, RoomSn, SnapshotSn, StoreError, Tx};

mod layer;

use self::layer::{Layer, StateHash};

/// A whole state: which event stands for which (type, state key).
pub type StateMap = BTreeMap<KeySn, EventSn>;

/// Most entries of a layer, by depth: only the base has no bound.
const LAYER_LIMITS: [usize; 4] = [usize::MAX, 4096, 256, 16];

#[derive(sqlx::FromRow)]
struct Row {
    parent_sn: Option<SnapshotSn>,
    hash: Vec<u8>,
    entries: Vec<u8>,
}

impl Db {
    /// The layers of a state from the base upward, and the state's hash.
    async fn layers(&mut self, snapshot: SnapshotSn) -> Result<(Vec<(SnapshotSn, Layer)>, StateHash), StoreError> {
        let mut layers = Vec::with_capacity(LAYER_LIMITS.len());
        let mut hash = None;
        let mut next = Some(snapshot);
        while let Some(sn) = next {
            let row: Row = sqlx::query_as("SELECT parent_sn, hash, entries FROM snapshots WHERE snapshot_sn = $1")
                .bind(sn)
                .fetch_one(&mut self.0)
                .await?;
            hash.get_or_insert(StateHash::read(&row.hash)?);
            layers.push((sn, Layer::read(&row.entries)?));
            if layers.len() > LAYER_LIMITS.len() {
                return Err(StoreError::Damaged("a state with too many layers"));
            }
            next = row.parent_sn;
        }
        layers.reverse();
        Ok((layers, hash.unwrap_or_default()))
    }

    /// The whole state.
    pub async fn state(&mut self, snapshot: SnapshotSn) -> Result<StateMap, StoreError> {
        let (layers, _) = self.layers(snapshot).await?;
        let mut state = StateMap::new();
        for (_, layer) in layers {
            layer.apply(&mut state);
        }
        Ok(state)
    }

    /// One entry of a state, without reading layers below the one that has it.
    pub async fn state_entry(&mut self, snapshot: SnapshotSn, key: KeySn) -> Result<Option<EventSn>, StoreError> {
        let mut next = Some(snapshot);
        while let Some(sn) = next {
            let row: Row = sqlx::query_as("SELECT parent_sn, hash, entries FROM snapshots WHERE snapshot_sn = $1")
                .bind(sn)
                .fetch_one(&mut self.0)
                .await?;
            if let Some(found) = Layer::read(&row.entries)?.get(key) {
                return Ok(found);
            }
            next = row.parent_sn;
        }
        Ok(None)
    }
}

impl Tx {
    /// The state that follows from `before` when the entries of `changes` are set (`None` removes one).
    pub async fn state_with(
        &mut self,
        room: RoomSn,
        before: Option<SnapshotSn>,
        changes: &BTreeMap<KeySn, Option<EventSn>>,
    ) -> Result<SnapshotSn, StoreError> {
        let Some(before) = before else {
            let state = changes.iter().filter_map(|(key, event)| event.map(|event| (*key, event))).collect();
            return self.put_state(room, &state).await;
        };
        let (mut layers, mut hash) = self.layers(before).await?;
        let mut top = Layer::default();
        for (key, event) in changes {
            let old = layers.iter().rev().find_map(|(_, layer)| layer.get(*key)).flatten();
            if old != *event {
                if let Some(old) = old {
                    hash.remove(*key, old);
                }
                if let Some(new) = event {
                    hash.add(*key, *new);
                }
                top.set(*key, *event);
            }
        }
        if top.is_empty() {
            return Ok(before);
        }
        if let Some(known) = self.state_by_hash(room, hash).await? {
            return Ok(known);
        }
        let thin = LAYER_LIMITS.last().copied().unwrap_or_default();
        while let Some((_, below)) = layers.last() {
            let depth = layers.len() - 1;
            // With room for one more layer only a thin one is written anew; without, the layer below takes what fits it.
            let limit = if layers.len() < LAYER_LIMITS.len() && top.len() < thin {
                thin
            } else {
                LAYER_LIMITS.get(depth).copied().unwrap_or_default()
            };
            let fits = depth > 0 && below.len() + top.len() <= limit;
            if !fits && layers.len() < LAYER_LIMITS.len() {
                break;
            }
            if let Some((_, below)) = layers.pop() {
                top = top.over(below, layers.is_empty());
            }
            if fits {
                break;
            }
        }
        let parent = layers.last().map(|(sn, _)| *sn);
        self.put_layer(room, parent, layers.len(), hash, &top).await
    }

    /// A whole state as a base layer of its own.
    pub async fn put_state(&mut self, room: RoomSn, state: &StateMap) -> Result<SnapshotSn, StoreError> {
        let mut hash = StateHash::default();
        let mut layer = Layer::default();
        for (key, event) in state {
            hash.add(*key, *event);
            layer.set(*key, Some(*event));
        }
        match self.state_by_hash(room, hash).await? {
            Some(known) => Ok(known),
            None => self.put_layer(room, None, 0, hash, &layer).await,
        }
    }

    async fn state_by_hash(&mut self, room: RoomSn, hash: StateHash) -> Result<Option<SnapshotSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT snapshot_sn FROM snapshots WHERE room_sn = $1 AND hash = $2")
            .bind(room)
            .bind(hash.bytes())
            .fetch_optional(&mut self.db.0)
            .await?)
    }

    async fn put_layer(
        &mut self,
        room: RoomSn,
        parent: Option<SnapshotSn>,
        depth: usize,
        hash: StateHash,
        layer: &Layer,
    ) -> Result<SnapshotSn, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO snapshots (room_sn, parent_sn, depth, hash, entries, entry_count) VALUES ($1, $2, $3, $4, $5, $6)
             RETURNING snapshot_sn",
        )
        .bind(room)
        .bind(parent)
        .bind(i64::try_from(depth).unwrap_or_default())
        .bind(hash.bytes())
        .bind(layer.write())
        .bind(i64::try_from(layer.len()).unwrap_or(i64::MAX))
        .fetch_one(&mut self.db.0)
        .await?)
    }
}

#[cfg(test)]
mod tests;
