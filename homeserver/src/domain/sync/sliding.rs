//! Simplified sliding sync (MSC4186): lists of rooms by recency, subscriptions to rooms, and extensions, over connections.

mod connection;
mod extensions;
mod lists;
mod required_state;
mod room;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::{OwnedRoomId, UInt, api::client::sync::sync_events::v5 as api};

use crate::{
    domain::rooms::Rooms,
    store::{Db, Durability, LocalRoom, LookAhead, Membership, Position, RoomSn, StoreError},
};

use super::{LONGEST_WAIT, ROOMS_AHEAD, Sync, SyncError, SyncToken, Viewer, ignored::Ignored, window};

use self::{
    connection::{Connection, Point},
    required_state::RequiredState,
};

/// Bounds of one request.
const LISTS: usize = 50;
const SUBSCRIPTIONS: usize = 1000;
const REQUIRED_STATE: usize = 300;
const TIMELINE: u64 = 500;
const CONNECTION_ID: usize = 64;

/// What one pass over the rooms needs.
struct Pass<'a> {
    rooms: &'a Rooms,
    viewer: &'a Viewer,
    request: &'a api::Request,
    /// The point that the client says it has; none for a new connection.
    base: Option<&'a Point>,
    now: Position,
    now_ms: i64,
    ignored: Ignored,
    dms: BTreeSet<OwnedRoomId>,
}

/// A room that the request is about, and what is asked of it.
struct Asked {
    room: LocalRoom,
    timeline_limit: usize,
    required_state: RequiredState,
    /// Whether a subscription names it.
    subscribed: bool,
    /// The lists it stands in.
    lists: BTreeSet<String>,
}

impl Sync {
    /// Answers at once when there is something new or the connection is; else waits for it.
    ///
    /// The answer's `pos` is kept beside the request's own: asked again with either, the client loses nothing. An older one is
    /// [`SyncError::UnknownPos`].
    pub async fn sliding(&self, viewer: &Viewer, request: &api::Request) -> Result<api::Response, SyncError> {
        check(request)?;
        let conn_id = request.conn_id.clone().unwrap_or_default();
        let connection = self.connection(viewer, request, &conn_id).await?;
        let base = match &request.pos {
            Some(pos) => Some(connection.point(pos).ok_or(SyncError::UnknownPos)?),
            None => None,
        };
        if request.extensions.to_device.enabled == Some(true)
            && let Some(since) = &request.extensions.to_device.since
        {
            self.acknowledge_to_device(viewer, since.parse::<SyncToken>()?.position).await?;
        }
        let _syncing = self.ephemeral.syncing(viewer.user, &viewer.user_id, &request.set_presence).await?;
        let wait = request.timeout.unwrap_or(Duration::ZERO).min(LONGEST_WAIT);
        let mut news = self.notifier.watch_user(viewer.user);
        let timeout = tokio::time::sleep(wait);
        tokio::pin!(timeout);
        loop {
            news.borrow_and_update();
            let (mut response, point, has_news) = self.sliding_now(viewer, request, base).await?;
            response.txn_id.clone_from(&request.txn_id);
            if has_news || base.is_none() {
                response.pos = point.pos.to_string();
                let state = connection.after(base, point).to_bytes()?;
                self.save_connection(viewer, conn_id, state).await?;
                return Ok(response);
            }
            if let Some(base) = base {
                // Nothing new: the same point again, and nothing to write.
                response.pos = base.pos.to_string();
            }
            if wait.is_zero() {
                return Ok(response);
            }
            tokio::select! {
                () = &mut timeout => return Ok(response),
                changed = news.changed() => if changed.is_err() {
                    timeout.as_mut().await;
                    return Ok(response);
                },
            }
        }
    }

    async fn connection(
        &self,
        viewer: &Viewer,
        request: &api::Request,
        conn_id: &str,
    ) -> Result<Connection, SyncError> {
        if request.pos.is_none() {
            return Ok(Connection::default());
        }
        let state = self.store.read().await?.sync_connection(viewer.user, viewer.device_id.as_str(), conn_id).await?;
        Ok(state.and_then(|state| Connection::from_bytes(&state)).unwrap_or_default())
    }

    async fn save_connection(&self, viewer: &Viewer, conn_id: String, state: Vec<u8>) -> Result<(), SyncError> {
        let viewer = viewer.clone();
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    tx.save_sync_connection(viewer.user, viewer.device_id.as_str(), &conn_id, &state).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        Ok(())
    }

    /// One look at everything asked: the answer, the point it brings the client to, and whether it has anything new.
    async fn sliding_now(
        &self,
        viewer: &Viewer,
        request: &api::Request,
        base: Option<&Point>,
    ) -> Result<(api::Response, Point, bool), SyncError> {
        let now = self.store.position();
        let mut db = self.store.read().await?;
        let pass = Pass {
            rooms: &self.rooms,
            viewer,
            request,
            base,
            now,
            now_ms: self.clock.now_ms(),
            ignored: Ignored::of(&mut db, viewer.user).await?,
            dms: lists::dms(&mut db, viewer.user).await?,
        };
        let mut response = api::Response::new(String::new());
        let mut point = Point::new(self.next_pos(), now);

        let (asked, bumps) = self.asked(&mut db, &pass, &mut response, &mut point).await?;
        let mut has_news = base.is_some_and(|base| base.lists != point.lists);
        let changed = match base {
            Some(base) => db.rooms_changed_since(viewer.user, base.token).await?,
            None => BTreeMap::new(),
        };
        let is_new = |room: &Asked| {
            room.room.membership == Membership::Join && base.is_none_or(|base| base.told(room.room.room).is_none())
        };
        let new: Vec<&Asked> = asked.values().filter(|room| is_new(room)).collect();
        let mut new = new.chunks(ROOMS_AHEAD).peekable();
        for (room, asked) in &asked {
            if let Some(part) = new.next_if(|part| part.first().is_some_and(|first| first.room.room == *room)) {
                look_ahead(&mut db, &pass, part).await?;
            }
            let told = base.and_then(|base| base.told(*room));
            let changes = changed.get(room).copied().unwrap_or_default();
            let wanted = room::Wanted { asked, told: told.as_ref(), changes, bump: bumps.get(room).copied() };
            if let Some(section) = room::read(&mut db, &pass, wanted).await? {
                response.rooms.insert(asked.room.room_id.clone(), section);
            }
            // Who left and came back was told the room anew, and only what this request asks.
            let joined = asked.room.joined_position;
            let kept = told.filter(|told| joined.is_some_and(|joined| joined <= told.upto));
            point.tell(*room, asked.timeline_limit, kept.as_ref(), &asked.required_state);
        }
        self.rooms_left(&mut db, &pass, &asked, &mut response, &mut point).await?;
        has_news |= !response.rooms.is_empty();
        has_news |= extensions::read(self, &mut db, &pass, &asked, &mut response, &mut point).await?;
        Ok((response, point, has_news))
    }

    /// The rooms that lists and subscriptions ask for, with their recency; counts of the lists go into the answer.
    async fn asked(
        &self,
        db: &mut Db,
        pass: &Pass<'_>,
        response: &mut api::Response,
        point: &mut Point,
    ) -> Result<(BTreeMap<RoomSn, Asked>, BTreeMap<RoomSn, Position>), SyncError> {
        let mut asked: BTreeMap<RoomSn, Asked> = BTreeMap::new();
        let mut bumps = BTreeMap::new();
        if !pass.request.lists.is_empty() {
            let rooms: Vec<LocalRoom> = db
                .sync_rooms(pass.viewer.user)
                .await?
                .into_iter()
                .filter(|room| matches!(room.membership, Membership::Join | Membership::Invite | Membership::Knock))
                .collect();
            let joined: Vec<RoomSn> =
                rooms.iter().filter(|room| room.membership == Membership::Join).map(|room| room.room).collect();
            let known = self.bumps.of(db, &joined, pass.now).await?;
            let by_sn: BTreeMap<RoomSn, LocalRoom> = rooms.into_iter().map(|room| (room.room, room)).collect();
            let entries = lists::entries(db, pass, &by_sn, &known).await?;
            bumps.extend(entries.iter().map(|entry| (entry.room, entry.bump)));
            for (name, list) in &pass.request.lists {
                let rooms = lists::sorted(&entries, list.filters.as_ref());
                let mut count = api::response::List::default();
                count.count = UInt::try_from(rooms.len()).unwrap_or_default();
                point.lists.insert(name.clone(), rooms.len());
                response.lists.insert(name.clone(), count);
                let required = RequiredState::new(&list.room_details.required_state);
                for room in lists::in_ranges(&rooms, &list.ranges) {
                    if let Some(local) = by_sn.get(&room) {
                        let entry = ask(&mut asked, local, list.room_details.timeline_limit, &required);
                        entry.lists.insert(name.clone());
                    }
                }
            }
        }
        for (room_id, subscription) in &pass.request.room_subscriptions {
            let Some(local) = db.sync_room_by_id(pass.viewer.user, room_id).await?.filter(|room| !room.forgotten)
            else {
                continue;
            };
            if !matches!(local.membership, Membership::Join | Membership::Invite | Membership::Knock) {
                continue;
            }
            if let std::collections::btree_map::Entry::Vacant(slot) = bumps.entry(local.room) {
                let known = self.bumps.of(db, &[local.room], pass.now).await?;
                slot.insert(known.get(&local.room).copied().unwrap_or(local.position));
            }
            let required = RequiredState::new(&subscription.required_state);
            ask(&mut asked, &local, subscription.timeline_limit, &required).subscribed = true;
        }
        Ok((asked, bumps))
    }

    /// Rooms that the connection was told of and the request is not about now: those that the viewer left are told once more, the others
    /// are remembered as they were.
    async fn rooms_left(
        &self,
        db: &mut Db,
        pass: &Pass<'_>,
        asked: &BTreeMap<RoomSn, Asked>,
        response: &mut api::Response,
        point: &mut Point,
    ) -> Result<(), SyncError> {
        let Some(base) = pass.base else { return Ok(()) };
        let moved: BTreeSet<RoomSn> = db.memberships_changed_since(pass.viewer.user, base.oldest()).await?;
        for (room, told) in base.rooms().filter(|(room, _)| !asked.contains_key(room)) {
            if moved.contains(&room)
                && let Some(local) = db.sync_room(pass.viewer.user, room).await?
                && matches!(local.membership, Membership::Leave | Membership::Ban)
                && local.position > told.upto
            {
                if !local.forgotten
                    && let Some(section) = room::left(db, pass, &local, &told).await?
                {
                    response.rooms.insert(local.room_id, section);
                }
                continue;
            }
            point.keep(room, &told);
        }
        Ok(())
    }
}

/// Reads ahead for rooms that the client knows nothing of.
async fn look_ahead(db: &mut Db, pass: &Pass<'_>, rooms: &[&Asked]) -> Result<(), StoreError> {
    // Most have the same length; a room that wants more is read by itself.
    let mut limits: BTreeMap<usize, usize> = BTreeMap::new();
    for room in rooms {
        *limits.entry(room.timeline_limit).or_default() += 1;
    }
    let limit = limits.into_iter().max_by_key(|(_, rooms)| *rooms).map_or(0, |(limit, _)| limit);
    let ask = LookAhead {
        user: pass.viewer.user,
        user_id: &pass.viewer.user_id,
        device_id: pass.viewer.device_id.as_str(),
        upto: pass.now,
        limit: window::page(limit),
        types: &rooms.iter().flat_map(|room| room.required_state.unkeyed_types()).map(str::to_owned).collect(),
        members: true,
        history: false,
    };
    db.look_ahead(&rooms.iter().map(|room| room.room.room).collect::<Vec<_>>(), ask).await
}

/// Notes that a room is asked for, with the most of what its askers want.
fn ask<'a>(
    asked: &'a mut BTreeMap<RoomSn, Asked>,
    room: &LocalRoom,
    timeline_limit: UInt,
    required_state: &RequiredState,
) -> &'a mut Asked {
    let limit = usize::try_from(u64::from(timeline_limit).min(TIMELINE)).unwrap_or_default();
    let entry = asked.entry(room.room).or_insert_with(|| Asked {
        room: room.clone(),
        timeline_limit: limit,
        required_state: RequiredState::default(),
        subscribed: false,
        lists: BTreeSet::new(),
    });
    entry.timeline_limit = entry.timeline_limit.max(limit);
    entry.required_state.extend(required_state);
    entry
}

/// Refuses what is larger than any client needs.
fn check(request: &api::Request) -> Result<(), SyncError> {
    if request.conn_id.as_ref().is_some_and(|id| id.len() > CONNECTION_ID) {
        return Err(SyncError::LongConnectionId);
    }
    if request.lists.len() > LISTS {
        return Err(SyncError::TooMuch("lists"));
    }
    if request.room_subscriptions.len() > SUBSCRIPTIONS {
        return Err(SyncError::TooMuch("room subscriptions"));
    }
    let lists = request.lists.values().map(|list| list.room_details.required_state.len());
    let subscriptions = request.room_subscriptions.values().map(|room| room.required_state.len());
    if lists.chain(subscriptions).any(|entries| entries > REQUIRED_STATE) {
        return Err(SyncError::TooMuch("required state"));
    }
    Ok(())
}
