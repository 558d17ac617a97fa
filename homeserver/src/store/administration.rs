//! Lists for administrators: accounts and rooms, with what is shown of each.

use std::collections::BTreeMap;

use ruma::OwnedRoomId;
use sqlx::{QueryBuilder, Sqlite};

use super::{Db, Membership, RoomSn, StoreError, UserSn};

/// Which accounts, in which order.
#[derive(Clone, Debug)]
pub struct AccountFilter {
    pub from: i64,
    pub limit: i64,
    /// A part of the user id.
    pub user_id: Option<String>,
    /// A part of the localpart or the display name; `user_id` does not count beside it.
    pub name: Option<String>,
    pub guests: bool,
    pub deactivated: bool,
    /// Only those who are, or are not.
    pub admins: Option<bool>,
    pub order: AccountOrder,
    pub backwards: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountOrder {
    Name,
    Guest,
    Admin,
    Deactivated,
    DisplayName,
    AvatarUrl,
    Created,
    LastSeen,
    Locked,
}

impl AccountOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "u.user_id",
            Self::Guest => "a.guest",
            Self::Admin => "a.admin",
            Self::Deactivated => "(a.deactivated_ts IS NOT NULL)",
            Self::DisplayName => "d.value",
            Self::AvatarUrl => "p.value",
            Self::Created => "a.created_ts",
            Self::LastSeen => "last_seen_ts",
            Self::Locked => "a.locked",
        }
    }
}

/// An account as administrators see it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ListedAccount {
    pub user_id: String,
    pub admin: bool,
    pub guest: bool,
    pub locked: bool,
    pub suspended: bool,
    pub deactivated: bool,
    pub erased: bool,
    /// JSON values of the profile.
    pub displayname: Option<String>,
    pub avatar_url: Option<String>,
    /// Milliseconds since 1970.
    pub created_ts: i64,
    pub last_seen_ts: Option<i64>,
}

/// A room as administrators see it.
#[derive(Clone, Debug)]
pub struct ListedRoom {
    pub sn: RoomSn,
    pub room_id: OwnedRoomId,
    pub version: String,
    pub published: bool,
    pub joined_members: i64,
    pub joined_local_members: i64,
    pub state_events: i64,
    /// PDUs of state with an empty key, by type.
    pub state: BTreeMap<String, String>,
}

const ACCOUNT: &str =
    "SELECT u.user_id, a.admin, a.guest, a.locked, a.suspended, a.deactivated_ts IS NOT NULL AS deactivated,
        a.erased_position IS NOT NULL AS erased, d.value AS displayname, p.value AS avatar_url, a.created_ts,
        (SELECT MAX(v.last_seen_ts) FROM devices v WHERE v.user_sn = a.user_sn) AS last_seen_ts";
const FROM: &str = " FROM accounts a JOIN users u USING (user_sn)
     LEFT JOIN profile_fields d ON d.user_sn = a.user_sn AND d.field = 'displayname'
     LEFT JOIN profile_fields p ON p.user_sn = a.user_sn AND p.field = 'avatar_url' WHERE a.user_sn > 0";

impl Db {
    /// A page of accounts, and how many there are on all pages.
    pub async fn account_page(&mut self, filter: &AccountFilter) -> Result<(Vec<ListedAccount>, i64), StoreError> {
        let mut count = QueryBuilder::<Sqlite>::new("SELECT COUNT(*)");
        narrow(&mut count, filter);
        let total: i64 = count.build_query_scalar().fetch_one(&mut self.0).await?;
        let mut page = QueryBuilder::<Sqlite>::new(ACCOUNT);
        narrow(&mut page, filter);
        page.push(" ORDER BY ").push(filter.order.column()).push(if filter.backwards { " DESC" } else { "" });
        page.push(", u.user_id LIMIT ").push_bind(filter.limit).push(" OFFSET ").push_bind(filter.from);
        Ok((page.build_query_as().fetch_all(&mut self.0).await?, total))
    }

    pub async fn listed_account(&mut self, user: UserSn) -> Result<Option<ListedAccount>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(ACCOUNT);
        query.push(FROM).push(" AND a.user_sn = ").push_bind(user);
        Ok(query.build_query_as().fetch_optional(&mut self.0).await?)
    }

    /// The rooms whose state is known, or one of them.
    pub async fn listed_rooms(&mut self, only: Option<RoomSn>) -> Result<Vec<ListedRoom>, StoreError> {
        let rows: Vec<(RoomSn, String, String, bool)> = sqlx::query_as(
            "SELECT room_sn, room_id, version, published FROM rooms
             WHERE snapshot_sn IS NOT NULL AND ($1 IS NULL OR room_sn = $1) ORDER BY room_sn",
        )
        .bind(only)
        .fetch_all(&mut self.0)
        .await?;
        let mut rooms = BTreeMap::new();
        for (sn, room_id, version, published) in rows {
            let room_id = room_id.try_into().map_err(|_| StoreError::Damaged("a room id"))?;
            let (joined_members, joined_local_members, state_events, state) = (0, 0, 0, BTreeMap::new());
            rooms.insert(
                sn,
                ListedRoom {
                    sn,
                    room_id,
                    version,
                    published,
                    joined_members,
                    joined_local_members,
                    state_events,
                    state,
                },
            );
        }
        let members: Vec<(RoomSn, i64, i64)> = sqlx::query_as(
            "SELECT room_sn, COUNT(*), SUM(CASE WHEN server_sn = 1 THEN 1 ELSE 0 END) FROM members
             WHERE membership = $2 AND ($1 IS NULL OR room_sn = $1) GROUP BY room_sn",
        )
        .bind(only)
        .bind(Membership::Join)
        .fetch_all(&mut self.0)
        .await?;
        for (sn, all, local) in members {
            if let Some(room) = rooms.get_mut(&sn) {
                (room.joined_members, room.joined_local_members) = (all, local);
            }
        }
        let counts: Vec<(RoomSn, i64)> = sqlx::query_as(
            "SELECT room_sn, COUNT(*) FROM current_state WHERE $1 IS NULL OR room_sn = $1 GROUP BY room_sn",
        )
        .bind(only)
        .fetch_all(&mut self.0)
        .await?;
        for (sn, count) in counts {
            if let Some(room) = rooms.get_mut(&sn) {
                room.state_events = count;
            }
        }
        let state: Vec<(RoomSn, String, String)> = sqlx::query_as(
            "SELECT c.room_sn, t.type, j.json FROM event_types t JOIN state_keys k ON k.type_sn = t.type_sn AND k.state_key = ''
             JOIN current_state c ON c.key_sn = k.key_sn JOIN event_json j ON j.event_sn = c.event_sn
             WHERE ($1 IS NULL OR c.room_sn = $1) AND t.type IN ('m.room.create', 'm.room.name', 'm.room.topic',
                'm.room.avatar', 'm.room.canonical_alias', 'm.room.encryption', 'm.room.join_rules', 'm.room.guest_access',
                'm.room.history_visibility')",
        )
        .bind(only)
        .fetch_all(&mut self.0)
        .await?;
        for (sn, kind, json) in state {
            if let Some(room) = rooms.get_mut(&sn) {
                room.state.insert(kind, json);
            }
        }
        Ok(rooms.into_values().collect())
    }

    /// How many devices the local members of a room have.
    pub async fn joined_local_devices(&mut self, room: RoomSn) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM local_memberships m JOIN devices d USING (user_sn) WHERE m.room_sn = $1 AND m.membership = $2",
        )
        .bind(room)
        .bind(Membership::Join)
        .fetch_one(&mut self.0)
        .await?)
    }

    /// Local users with any tie to a room that leaving cuts; members last, since with the last of them the server leaves.
    pub async fn local_users_of(&mut self, room: RoomSn) -> Result<Vec<(UserSn, String)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT m.user_sn, u.user_id FROM local_memberships m JOIN users u USING (user_sn)
             WHERE m.room_sn = $1 AND m.membership IN ($2, $3, $4) ORDER BY m.membership DESC, u.user_id",
        )
        .bind(room)
        .bind(Membership::Join)
        .bind(Membership::Invite)
        .bind(Membership::Knock)
        .fetch_all(&mut self.0)
        .await?)
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &AccountFilter) {
    query.push(FROM);
    if let Some(name) = &filter.name {
        let part = escaped(name);
        query.push(" AND (u.user_id LIKE ").push_bind(format!("@%{part}%:%")).push(" ESCAPE '!' OR d.value LIKE ");
        query.push_bind(format!("%{part}%")).push(" ESCAPE '!')");
    } else if let Some(user_id) = &filter.user_id {
        query.push(" AND u.user_id LIKE ").push_bind(format!("%{}%", escaped(user_id))).push(" ESCAPE '!'");
    }
    if !filter.guests {
        query.push(" AND a.guest = 0");
    }
    if !filter.deactivated {
        query.push(" AND a.deactivated_ts IS NULL");
    }
    if let Some(admins) = filter.admins {
        query.push(" AND a.admin = ").push_bind(admins);
    }
}

/// A text that LIKE takes literally.
pub(super) fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
