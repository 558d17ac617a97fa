//! Reading for many rooms at once what a first sync then asks of each: a query costs the same for one room as for fifty.

mod found;

use std::collections::{BTreeSet, HashMap, HashSet};

use ruma::UserId;
use sqlx::{QueryBuilder, Sqlite};

use super::{
    EventRow, EventSn, KeySn, Position, RoomSn, StateChange, StateEntry, UserSn,
    packed::{line, packed, unpack},
};
use crate::store::{Db, LocalMembership, Receipt, StoreError};

/// Members that are read at once; where more wrote, each room reads its own.
const MOST_MEMBERS: usize = 5000;
const MEMBER: &str = "m.room.member";

/// What will be asked of each of the rooms.
#[derive(Clone, Copy, Debug)]
pub struct LookAhead<'a> {
    /// For whom.
    pub user: UserSn,
    pub user_id: &'a UserId,
    pub device_id: &'a str,
    /// Whole timelines end here,
    pub upto: Position,
    /// and are this many events long.
    pub limit: usize,
    /// Types of state events with the empty state key.
    pub types: &'a BTreeSet<String>,
    /// Also the member events of the user and of who wrote in the timelines.
    pub members: bool,
    /// Also how the state changed along the timelines, and all receipts.
    pub history: bool,
}

/// What was read ahead; the queries of these names look here first. Whoever borrowed the connection gives it back without.
#[derive(Default)]
pub(in crate::store) struct Ahead {
    rooms: HashSet<RoomSn>,
    user: UserSn,
    user_id: String,
    device_id: String,
    upto: Position,
    limit: usize,
    types: BTreeSet<String>,
    timelines: HashMap<RoomSn, Vec<EventRow>>,
    gaps: HashMap<RoomSn, Position>,
    /// Changes of the state since a position of each room.
    changes: HashMap<RoomSn, (Position, Vec<StateChange>)>,
    receipts: HashMap<RoomSn, Vec<Receipt>>,
    memberships: HashMap<RoomSn, LocalMembership>,
    faces: HashMap<RoomSn, Vec<(String, String)>>,
    counts: HashMap<RoomSn, (u32, u32)>,
    /// Rooms with notifications of the user.
    notified: HashSet<RoomSn>,
    entries: HashMap<RoomSn, Vec<StateEntry>>,
    /// The key of the user's member events, and those that stand in the rooms.
    own_key: Option<KeySn>,
    own_entries: HashMap<RoomSn, EventSn>,
    /// The member events of who wrote in the timelines; none of who is no member.
    members: HashMap<(RoomSn, UserSn), Option<EventSn>>,
    /// The events of the entries and of the members.
    events: HashMap<EventSn, EventRow>,
    /// The timelines' events, and what relates to them.
    shown: HashSet<String>,
    related: HashSet<(String, String)>,
    /// The user's own events among them, and the device's transaction ids of those.
    own: HashSet<EventSn>,
    sent: HashMap<EventSn, String>,
}

impl Db {
    /// Reads ahead; what was read ahead before is forgotten.
    pub async fn look_ahead(&mut self, rooms: &[RoomSn], ask: LookAhead<'_>) -> Result<(), StoreError> {
        self.1 = Ahead::default();
        if rooms.is_empty() {
            return Ok(());
        }
        let mut ahead = Ahead {
            rooms: rooms.iter().copied().collect(),
            timelines: rooms.iter().map(|room| (*room, Vec::new())).collect(),
            user: ask.user,
            user_id: ask.user_id.to_string(),
            device_id: ask.device_id.to_owned(),
            upto: ask.upto,
            limit: ask.limit,
            types: ask.types.clone(),
            ..Ahead::default()
        };
        self.timelines(rooms, &mut ahead).await?;
        self.memberships(rooms, &mut ahead).await?;
        self.faces(rooms, &mut ahead).await?;
        self.entries(rooms, &mut ahead).await?;
        if ask.members {
            self.own_members(rooms, &mut ahead).await?;
            self.writers(&mut ahead).await?;
        }
        if ask.history {
            self.history(rooms, &mut ahead).await?;
        }
        let ids: Vec<String> = ahead.timelines.values().flatten().map(|row| row.event_id.to_string()).collect();
        ahead.related = self.related_targets(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        ahead.shown.extend(ids);
        let own = ahead.timelines.values().flatten().filter(|row| row.sender == ask.user).map(|row| row.event);
        let own: Vec<EventSn> = own.collect();
        ahead.sent = self.transaction_ids(&own, ask.user, ask.device_id).await?;
        ahead.own.extend(own);
        self.1 = ahead;
        Ok(())
    }

    async fn timelines(&mut self, rooms: &[RoomSn], ahead: &mut Ahead) -> Result<(), StoreError> {
        let mut query = timelines(rooms, ahead.upto, i64::try_from(ahead.limit).unwrap_or(i64::MAX));
        let packed: Vec<Option<String>> = query.build_query_scalar().fetch_all(&mut self.0).await?;
        for packed in packed {
            let rows = unpack(packed)?;
            if let Some(first) = rows.first() {
                ahead.timelines.insert(first.room, rows);
            }
        }
        // Here rather than by SQLite, which would carry the events' bodies through its sorter.
        for rows in ahead.timelines.values_mut() {
            rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.position));
        }
        let mut query = QueryBuilder::new("SELECT room_sn, MAX(before_position) FROM timeline_gaps WHERE room_sn IN (");
        push_rooms(&mut query, rooms);
        query.push(") AND before_position <= ").push_bind(ahead.upto).push(" GROUP BY room_sn");
        ahead.gaps.extend(query.build_query_as::<(RoomSn, Position)>().fetch_all(&mut self.0).await?);
        Ok(())
    }

    async fn history(&mut self, rooms: &[RoomSn], ahead: &mut Ahead) -> Result<(), StoreError> {
        for room in rooms {
            let oldest = ahead.timelines.get(room).and_then(|rows| rows.last()?.position);
            let after = oldest.map_or(ahead.upto, |oldest| Position(oldest.0.saturating_sub(1)));
            ahead.changes.insert(*room, (after, Vec::new()));
        }
        let mut query = QueryBuilder::new("WITH few_rooms (room_sn, after) AS (");
        query.push_values(&ahead.changes, |mut row, (room, (after, _))| {
            row.push_bind(*room).push_bind(*after);
        });
        query.push(CHANGES_OF_ROOMS);
        for change in query.build_query_as::<RoomChange>().fetch_all(&mut self.0).await? {
            if let Some((_, changes)) = ahead.changes.get_mut(&change.room) {
                changes.push(change.change);
            }
        }
        let mut query = QueryBuilder::new(
            "SELECT r.room_sn, r.user_sn, u.user_id, r.type, r.thread_id, r.event_id, r.data, r.position
             FROM receipts r JOIN users u ON u.user_sn = r.user_sn WHERE (r.type = 'm.read' OR r.user_sn = ",
        );
        query.push_bind(ahead.user).push(") AND r.room_sn IN (");
        push_rooms(&mut query, rooms);
        query.push(")");
        ahead.receipts.extend(rooms.iter().map(|room| (*room, Vec::new())));
        for row in query.build_query_as::<RoomReceipt>().fetch_all(&mut self.0).await? {
            ahead.receipts.entry(row.room).or_default().push(row.receipt);
        }
        Ok(())
    }

    async fn memberships(&mut self, rooms: &[RoomSn], ahead: &mut Ahead) -> Result<(), StoreError> {
        let mut query = QueryBuilder::new("SELECT * FROM local_memberships WHERE user_sn = ");
        query.push_bind(ahead.user).push(" AND room_sn IN (");
        push_rooms(&mut query, rooms);
        query.push(")");
        let rows: Vec<LocalMembership> = query.build_query_as().fetch_all(&mut self.0).await?;
        ahead.memberships.extend(rows.into_iter().map(|row| (row.room_sn, row)));
        Ok(())
    }

    async fn faces(&mut self, rooms: &[RoomSn], ahead: &mut Ahead) -> Result<(), StoreError> {
        let mut query = QueryBuilder::new(
            "SELECT c.room_sn, t.type, j.json FROM event_types t CROSS JOIN state_keys k ON k.type_sn = t.type_sn
                 CROSS JOIN current_state c ON c.key_sn = k.key_sn AND c.room_sn IN (",
        );
        push_rooms(&mut query, rooms);
        query.push(
            ") CROSS JOIN event_json j ON j.event_sn = c.event_sn
             WHERE t.type IN ('m.room.name', 'm.room.canonical_alias', 'm.room.avatar') AND k.state_key = ''",
        );
        for (room, event_type, json) in
            query.build_query_as::<(RoomSn, String, String)>().fetch_all(&mut self.0).await?
        {
            ahead.faces.entry(room).or_default().push((event_type, json));
        }
        let mut query = QueryBuilder::new(
            "SELECT room_sn, SUM(membership = 1), SUM(membership = 2) FROM members WHERE membership IN (1, 2) AND room_sn IN (",
        );
        push_rooms(&mut query, rooms);
        query.push(") GROUP BY room_sn");
        for (room, joined, invited) in query.build_query_as::<(RoomSn, u32, u32)>().fetch_all(&mut self.0).await? {
            ahead.counts.insert(room, (joined, invited));
        }
        let mut query = QueryBuilder::new("SELECT DISTINCT room_sn FROM notifications WHERE user_sn = ");
        query.push_bind(ahead.user).push(" AND room_sn IN (");
        push_rooms(&mut query, rooms);
        query.push(")");
        ahead.notified.extend(query.build_query_scalar::<RoomSn>().fetch_all(&mut self.0).await?);
        Ok(())
    }

    async fn entries(&mut self, rooms: &[RoomSn], ahead: &mut Ahead) -> Result<(), StoreError> {
        if ahead.types.is_empty() {
            return Ok(());
        }
        let mut query = QueryBuilder::new(
            "SELECT c.room_sn, c.key_sn, t.type, k.state_key, c.event_sn
             FROM event_types t CROSS JOIN state_keys k ON k.type_sn = t.type_sn
                 CROSS JOIN current_state c ON c.key_sn = k.key_sn AND c.room_sn IN (",
        );
        push_rooms(&mut query, rooms);
        query.push(") WHERE k.state_key = '' AND t.type IN (");
        let mut types = query.separated(", ");
        for event_type in &ahead.types {
            types.push_bind(event_type.clone());
        }
        query.push(")");
        let rows: Vec<(RoomSn, KeySn, String, String, EventSn)> = query.build_query_as().fetch_all(&mut self.0).await?;
        let events: Vec<EventSn> = rows.iter().map(|(.., event)| *event).collect();
        for (room, key, event_type, state_key, event) in rows {
            ahead.entries.entry(room).or_default().push(StateEntry { key, event_type, state_key, event });
        }
        ahead.events.extend(self.event_rows(&events).await?.into_iter().map(|row| (row.event, row)));
        Ok(())
    }

    /// The user's own member events in the rooms' state.
    async fn own_members(&mut self, rooms: &[RoomSn], ahead: &mut Ahead) -> Result<(), StoreError> {
        ahead.own_key = self.key_sn(MEMBER, &ahead.user_id).await?;
        let Some(key) = ahead.own_key else { return Ok(()) };
        let mut query = QueryBuilder::new("SELECT room_sn, event_sn FROM current_state WHERE key_sn = ");
        query.push_bind(key).push(" AND room_sn IN (");
        push_rooms(&mut query, rooms);
        query.push(")");
        ahead.own_entries.extend(query.build_query_as::<(RoomSn, EventSn)>().fetch_all(&mut self.0).await?);
        Ok(())
    }

    /// The member events of who wrote in the timelines, and the bodies of all member events that are known now.
    async fn writers(&mut self, ahead: &mut Ahead) -> Result<(), StoreError> {
        let rows = ahead.timelines.values().flatten();
        let mut writers: HashMap<_, _> = rows.map(|row| ((row.room, row.sender), None)).collect();
        if !writers.is_empty() && writers.len() <= MOST_MEMBERS {
            let mut query = QueryBuilder::new("WITH few_members (room_sn, user_sn) AS (");
            query.push_values(writers.keys(), |mut row, (room, user)| {
                row.push_bind(*room).push_bind(*user);
            });
            query.push(
                ") SELECT m.room_sn, m.user_sn, m.event_sn
                 FROM few_members CROSS JOIN members m ON m.room_sn = few_members.room_sn AND m.user_sn = few_members.user_sn",
            );
            for (room, user, event) in
                query.build_query_as::<(RoomSn, UserSn, EventSn)>().fetch_all(&mut self.0).await?
            {
                writers.insert((room, user), Some(event));
            }
            ahead.members = writers;
        }
        let events: BTreeSet<EventSn> =
            ahead.members.values().flatten().chain(ahead.own_entries.values()).copied().collect();
        let events: Vec<EventSn> = events.into_iter().collect();
        ahead.events.extend(self.event_rows(&events).await?.into_iter().map(|row| (row.event, row)));
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct RoomChange {
    #[sqlx(rename = "room_sn")]
    room: RoomSn,
    #[sqlx(flatten)]
    change: StateChange,
}

#[derive(sqlx::FromRow)]
struct RoomReceipt {
    #[sqlx(rename = "room_sn")]
    room: RoomSn,
    #[sqlx(flatten)]
    receipt: Receipt,
}

/// Oldest first in each room.
const CHANGES_OF_ROOMS: &str =
    ") SELECT c.room_sn, c.position, c.key_sn, t.type, k.state_key, c.event_sn, c.previous_sn
    FROM few_rooms CROSS JOIN current_state_changes c ON c.room_sn = few_rooms.room_sn AND c.position > few_rooms.after
        JOIN state_keys k ON k.key_sn = c.key_sn JOIN event_types t ON t.type_sn = k.type_sn
    ORDER BY c.position, c.key_sn";

/// The newest events of each of the rooms, packed and in no order.
pub(super) fn timelines(rooms: &[RoomSn], upto: Position, limit: i64) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("WITH few_rooms (room_sn) AS (");
    query.push_values(rooms, |mut row, room| {
        row.push_bind(*room);
    });
    query.push(concat!(
        ") SELECT (SELECT ",
        packed!("line"),
        " FROM (SELECT ",
        line!(),
        " AS line FROM events e CROSS JOIN event_json j ON j.event_sn = e.event_sn CROSS JOIN rooms r ON r.room_sn = e.room_sn
             WHERE e.room_sn = few_rooms.room_sn AND e.position <= "
    ));
    query.push_bind(upto).push(" AND e.standing = 0 ORDER BY e.position DESC LIMIT ").push_bind(limit);
    query.push(") AS few_lines) FROM few_rooms");
    query
}

fn push_rooms(query: &mut QueryBuilder<Sqlite>, rooms: &[RoomSn]) {
    let mut list = query.separated(", ");
    for room in rooms {
        list.push_bind(*room);
    }
}
