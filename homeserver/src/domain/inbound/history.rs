//! History for other servers: walks backwards through the event graph.

use std::collections::{BTreeSet, HashSet};

use ruma::{EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, RoomId, api::Direction};
use serde_json::value::RawValue;

use crate::{
    domain::federation::Origin,
    store::{Db, EdgeKind, EventSn, RoomSn, Standing, StoreError, StoredEvent},
};

use super::{
    Inbound,
    access::{AccessError, for_server, is_visible, readable_room},
};

/// Most events of one answer.
const LIMIT: usize = 100;

/// Where a walk through the graph starts and ends.
#[derive(Clone, Debug, Default)]
pub struct Gap {
    /// The asker has these and looks for what is after them.
    pub earliest: Vec<OwnedEventId>,
    /// The asker has these and looks for what is before them.
    pub latest: Vec<OwnedEventId>,
    pub limit: usize,
    pub min_depth: i64,
}

impl Inbound {
    /// One event of a room that the origin shares and may see.
    pub async fn event(&self, origin: &Origin, event_id: &EventId) -> Result<Box<RawValue>, AccessError> {
        let mut db = self.store.read().await?;
        let event = db.event(event_id).await?.filter(|event| event.standing != Standing::Rejected);
        let event = event.ok_or(AccessError::UnknownEvent)?;
        let room_id = db.room_id(event.room).await?;
        readable_room(&mut db, &room_id, origin).await?;
        if !is_visible(&mut db, &event, origin.server).await? {
            return Err(AccessError::UnknownEvent);
        }
        RawValue::from_string(event.json).map_err(|_| StoreError::Damaged("an event").into())
    }

    /// The events `from` and those before them, newest first.
    pub async fn backfill(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        from: &[OwnedEventId],
        limit: usize,
    ) -> Result<Vec<Box<RawValue>>, AccessError> {
        let mut db = self.store.read().await?;
        let room = readable_room(&mut db, room_id, origin).await?;
        let starts = known(&mut db, room.sn, from).await?;
        let events = walk(&mut db, room.sn, starts, &HashSet::new(), i64::MIN, limit.min(LIMIT)).await?;
        let mut answer = Vec::with_capacity(events.len());
        for event in events {
            answer.extend(for_server(&mut db, &room, &event, origin.server).await?);
        }
        Ok(answer)
    }

    /// The events between two ends of what the origin has, oldest first.
    pub async fn missing_events(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        gap: &Gap,
    ) -> Result<Vec<Box<RawValue>>, AccessError> {
        let mut db = self.store.read().await?;
        let room = readable_room(&mut db, room_id, origin).await?;
        let latest = known(&mut db, room.sn, &gap.latest).await?;
        let mut stop: HashSet<EventSn> = latest.iter().copied().collect();
        stop.extend(known(&mut db, room.sn, &gap.earliest).await?);
        let mut starts = Vec::new();
        for event in latest {
            starts.extend(db.parents(event, EdgeKind::Prev).await?);
        }
        let events = walk(&mut db, room.sn, starts, &stop, gap.min_depth, gap.limit.min(LIMIT)).await?;
        let mut answer = Vec::with_capacity(events.len());
        for event in events.into_iter().rev() {
            answer.extend(for_server(&mut db, &room, &event, origin.server).await?);
        }
        Ok(answer)
    }

    /// The event nearest to a time, in one direction.
    pub async fn event_by_time(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        ts: MilliSecondsSinceUnixEpoch,
        direction: Direction,
    ) -> Result<(OwnedEventId, MilliSecondsSinceUnixEpoch), AccessError> {
        let mut db = self.store.read().await?;
        let room = readable_room(&mut db, room_id, origin).await?;
        let forwards = direction == Direction::Forward;
        let found = db.event_near_time(room.sn, i64::from(ts.get()), forwards).await?;
        let (event_id, origin_ts) = found.ok_or(AccessError::UnknownEvent)?;
        let ts = u32::try_from(origin_ts).map(Into::into).ok().or_else(|| ruma::UInt::try_from(origin_ts).ok());
        Ok((event_id, MilliSecondsSinceUnixEpoch(ts.unwrap_or_default())))
    }
}

/// Numbers of the ids that are events of this room.
async fn known(db: &mut Db, room: RoomSn, ids: &[OwnedEventId]) -> Result<Vec<EventSn>, StoreError> {
    let mut found = Vec::new();
    for id in ids.iter().take(LIMIT) {
        if let Some(event) = db.event(id).await?.filter(|event| event.room == room) {
            found.push(event.sn);
        }
    }
    Ok(found)
}

/// At most `limit` events that were not rejected, at and before `starts`, by falling depth, without those of `stop`.
async fn walk(
    db: &mut Db,
    room: RoomSn,
    starts: Vec<EventSn>,
    stop: &HashSet<EventSn>,
    min_depth: i64,
    limit: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut seen: HashSet<EventSn> = stop.clone();
    // The deepest first: nothing older comes before something newer.
    let mut open: BTreeSet<(i64, EventSn)> = BTreeSet::new();
    let mut held: std::collections::HashMap<EventSn, StoredEvent> = std::collections::HashMap::new();
    let mut next = starts;
    let mut found = Vec::new();
    loop {
        for event in next.drain(..) {
            if !seen.insert(event) {
                continue;
            }
            if let Some(event) = db.event_by_sn(event).await?
                && event.room == room
                && event.standing != Standing::Rejected
                && event.depth >= min_depth
            {
                open.insert((event.depth, event.sn));
                held.insert(event.sn, event);
            }
        }
        let Some((_, sn)) = open.pop_last() else { break };
        if found.len() >= limit {
            break;
        }
        next = db.parents(sn, EdgeKind::Prev).await?;
        found.extend(held.remove(&sn));
    }
    Ok(found)
}
