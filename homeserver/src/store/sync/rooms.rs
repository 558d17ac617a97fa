//! Which rooms a local user has, and in which of them something happened.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomId, RoomId};
use sqlx::{FromRow, Row, sqlite::SqliteRow};

use super::{EventSn, Membership, Position, RoomSn, UserSn};
use crate::store::{Db, StoreError};

/// A local user's own view of a room.
#[derive(Clone, Debug)]
pub struct LocalRoom {
    pub room: RoomSn,
    pub room_id: OwnedRoomId,
    pub membership: Membership,
    /// The user's member event, when it is stored as an event.
    pub event: Option<EventSn>,
    /// When the membership became what it is.
    pub position: Position,
    /// When the user last became joined.
    pub joined_position: Option<Position>,
    /// Where the user stopped being joined.
    pub left_position: Option<Position>,
    pub forgotten: bool,
    /// Members are still to come.
    pub partial: bool,
}

macro_rules! local_room {
    () => {
        "m.room_sn, r.room_id, m.membership, m.event_sn, m.position, m.joined_position, m.left_position, m.forgotten,
            r.partial_via IS NOT NULL"
    };
}

/// The same as a row of JSON: of a thousand rooms one text costs less than a thousand rows.
type Packed = (i64, String, i64, Option<i64>, i64, Option<i64>, Option<i64>, i64, i64);

fn unpack((room, room_id, membership, event, position, joined, left, forgotten, partial): Packed) -> Option<LocalRoom> {
    Some(LocalRoom {
        room: RoomSn(room),
        room_id: room_id.try_into().ok()?,
        membership: Membership::of_number(membership)?,
        event: event.map(EventSn),
        position: Position(position),
        joined_position: joined.map(Position),
        left_position: left.map(Position),
        forgotten: forgotten != 0,
        partial: partial != 0,
    })
}

impl<'r> FromRow<'r, SqliteRow> for LocalRoom {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        let room_id: String = row.try_get("room_id")?;
        Ok(Self {
            room: row.try_get("room_sn")?,
            room_id: room_id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            membership: row.try_get("membership")?,
            event: row.try_get("event_sn")?,
            position: row.try_get("position")?,
            joined_position: row.try_get("joined_position")?,
            left_position: row.try_get("left_position")?,
            forgotten: row.try_get("forgotten")?,
            partial: row.try_get(8)?,
        })
    }
}

/// What happened in a room since a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomChanges(i64);

impl RoomChanges {
    const MEMBERSHIP: i64 = 1;
    const EVENTS: i64 = 2;
    const STATE: i64 = 4;
    const RECEIPTS: i64 = 8;
    const ACCOUNT_DATA: i64 = 16;

    /// The user's own membership.
    pub fn membership(self) -> bool {
        self.0 & Self::MEMBERSHIP != 0
    }
    pub fn events(self) -> bool {
        self.0 & Self::EVENTS != 0
    }
    pub fn state(self) -> bool {
        self.0 & Self::STATE != 0
    }
    pub fn receipts(self) -> bool {
        self.0 & Self::RECEIPTS != 0
    }
    pub fn account_data(self) -> bool {
        self.0 & Self::ACCOUNT_DATA != 0
    }
}

pub(super) const CHANGED_ROOMS: &str = "
    SELECT room_sn, 1 FROM local_memberships WHERE user_sn = $1 AND position > $2
    UNION ALL
    SELECT m.room_sn, 2 FROM local_memberships m WHERE m.user_sn = $1 AND m.membership = 1
        AND EXISTS (SELECT 1 FROM events e WHERE e.room_sn = m.room_sn AND e.position > $2)
    UNION ALL
    SELECT m.room_sn, 4 FROM local_memberships m WHERE m.user_sn = $1 AND m.membership = 1
        AND EXISTS (SELECT 1 FROM current_state_changes c WHERE c.room_sn = m.room_sn AND c.position > $2)
    UNION ALL
    SELECT m.room_sn, 8 FROM local_memberships m WHERE m.user_sn = $1 AND m.membership = 1
        AND EXISTS (SELECT 1 FROM receipts c WHERE c.room_sn = m.room_sn AND c.position > $2)
    UNION ALL
    SELECT room_sn, 16 FROM account_data WHERE user_sn = $1 AND position > $2 AND room_sn <> 0";

impl Db {
    /// All rooms that the user is in, left, or is invited to, but for forgotten ones.
    pub async fn sync_rooms(&mut self, user: UserSn) -> Result<Vec<LocalRoom>, StoreError> {
        let packed: String = sqlx::query_scalar(concat!(
            "SELECT json_group_array(json_array(",
            local_room!(),
            ")) FROM local_memberships m JOIN rooms r USING (room_sn) WHERE m.user_sn = $1 AND m.forgotten = 0"
        ))
        .bind(user)
        .fetch_one(&mut self.0)
        .await?;
        let damaged = || StoreError::Damaged("a user's rooms");
        let rows: Vec<Packed> = serde_json::from_str(&packed).map_err(|_| damaged())?;
        rows.into_iter().map(|row| unpack(row).ok_or_else(damaged)).collect()
    }

    /// The user's view of one room.
    pub async fn sync_room(&mut self, user: UserSn, room: RoomSn) -> Result<Option<LocalRoom>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            local_room!(),
            " FROM local_memberships m JOIN rooms r USING (room_sn) WHERE m.user_sn = $1 AND m.room_sn = $2"
        ))
        .bind(user)
        .bind(room)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// The user's view of a room by its id.
    pub async fn sync_room_by_id(&mut self, user: UserSn, room_id: &RoomId) -> Result<Option<LocalRoom>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            local_room!(),
            " FROM rooms r JOIN local_memberships m ON m.room_sn = r.room_sn WHERE r.room_id = $1 AND m.user_sn = $2"
        ))
        .bind(room_id.as_str())
        .bind(user)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// The user's rooms with something new after `since`. Events, state and receipts are looked for in joined rooms only.
    pub async fn rooms_changed_since(
        &mut self,
        user: UserSn,
        since: Position,
    ) -> Result<BTreeMap<RoomSn, RoomChanges>, StoreError> {
        let rows: Vec<(RoomSn, i64)> =
            sqlx::query_as(CHANGED_ROOMS).bind(user).bind(since).fetch_all(&mut self.0).await?;
        let mut changed: BTreeMap<RoomSn, RoomChanges> = BTreeMap::new();
        for (room, what) in rows {
            changed.entry(room).or_default().0 |= what;
        }
        Ok(changed)
    }

    /// The rooms in which the user's own membership changed after `since`.
    pub async fn memberships_changed_since(
        &mut self,
        user: UserSn,
        since: Position,
    ) -> Result<BTreeSet<RoomSn>, StoreError> {
        let rooms: Vec<RoomSn> =
            sqlx::query_scalar("SELECT room_sn FROM local_memberships WHERE user_sn = $1 AND position > $2")
                .bind(user)
                .bind(since)
                .fetch_all(&mut self.0)
                .await?;
        Ok(rooms.into_iter().collect())
    }

    /// The stripped state that came with an invite or went with a knock: a JSON array.
    pub async fn stripped_state(&mut self, user: UserSn, room: RoomSn) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT stripped_state FROM local_memberships WHERE user_sn = $1 AND room_sn = $2")
            .bind(user)
            .bind(room)
            .fetch_optional(&mut self.0)
            .await?
            .flatten())
    }
}
