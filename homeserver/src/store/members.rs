//! Who is in a room, for everybody (from the room's state) and for local users (their own view).

use std::collections::BTreeMap;

use ruma::{CanonicalJsonValue, RoomId, UserId};

use super::{Db, EventSn, Position, RoomSn, ServerSn, StoreError, Tx, UserSn};

mod sharing;

/// A user's standing in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Membership {
    Leave = 0,
    Join = 1,
    Invite = 2,
    Knock = 3,
    Ban = 4,
}

impl Membership {
    /// From the value of a member event's `membership`; what the specification does not know counts as `leave`.
    pub fn parse(text: &str) -> Self {
        match text {
            "join" => Self::Join,
            "invite" => Self::Invite,
            "knock" => Self::Knock,
            "ban" => Self::Ban,
            _ => Self::Leave,
        }
    }

    /// From its number in the database.
    pub fn of_number(number: i64) -> Option<Self> {
        [Self::Leave, Self::Join, Self::Invite, Self::Knock, Self::Ban].into_iter().find(|one| *one as i64 == number)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Knock => "knock",
            Self::Ban => "ban",
        }
    }
}

/// A row of a room's member list.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MemberRow {
    pub user_sn: UserSn,
    pub user_id: String,
    pub membership: Membership,
    pub event_sn: EventSn,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
}

/// The end of a local user's being joined; nothing while they are joined or when they never were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Departure {
    #[sqlx(rename = "left_position")]
    pub position: Option<Position>,
    #[sqlx(rename = "left_event_sn")]
    pub event: Option<EventSn>,
}

/// A local user's own view of a room.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct LocalMembership {
    pub user_sn: UserSn,
    pub room_sn: RoomSn,
    pub membership: Membership,
    pub event_sn: Option<EventSn>,
    pub position: Position,
    pub joined_position: Option<Position>,
    /// Where the user stopped being joined, and the member event that ended it.
    #[sqlx(flatten)]
    pub departure: Departure,
    /// JSON array of stripped state events, for invites and knocks.
    pub stripped_state: Option<String>,
    /// The signed invite of a room that we are not in.
    pub invite_event: Option<String>,
    pub forgotten: bool,
}

impl Db {
    /// Members of a room by membership, in the order in which they came.
    pub async fn members(&mut self, room: RoomSn, membership: Membership) -> Result<Vec<MemberRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT m.user_sn, u.user_id, m.membership, m.event_sn, m.display_name, m.avatar_url
             FROM members m JOIN users u USING (user_sn) WHERE m.room_sn = $1 AND m.membership = $2 ORDER BY m.event_sn",
        )
        .bind(room)
        .bind(membership)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Who was banned from a room last, with the events that ban them, oldest first.
    pub async fn newest_bans(&mut self, room: RoomSn, most: i64) -> Result<Vec<(String, String)>, StoreError> {
        let mut newest: Vec<(String, String)> = sqlx::query_as(
            "SELECT u.user_id, j.json FROM members m JOIN users u USING (user_sn) JOIN event_json j ON j.event_sn = m.event_sn
             WHERE m.room_sn = $1 AND m.membership = $2 ORDER BY m.event_sn DESC LIMIT $3",
        )
        .bind(room)
        .bind(Membership::Ban)
        .bind(most)
        .fetch_all(&mut self.0)
        .await?;
        newest.reverse();
        Ok(newest)
    }

    /// What the room's state says of one user; `None` when it says nothing.
    pub async fn member(&mut self, room: RoomSn, user: UserSn) -> Result<Option<MemberRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT m.user_sn, u.user_id, m.membership, m.event_sn, m.display_name, m.avatar_url
             FROM members m JOIN users u USING (user_sn) WHERE m.room_sn = $1 AND m.user_sn = $2",
        )
        .bind(room)
        .bind(user)
        .fetch_optional(&mut self.0)
        .await?)
    }

    pub async fn member_count(&mut self, room: RoomSn, membership: Membership) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM members WHERE room_sn = $1 AND membership = $2")
            .bind(room)
            .bind(membership)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// Servers with a joined user, ours among them, and those that were named to us as such while the members are still to come.
    pub async fn joined_servers(&mut self, room: RoomSn) -> Result<Vec<ServerSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT server_sn FROM members WHERE room_sn = $1 AND membership = 1
             UNION SELECT server_sn FROM partial_servers WHERE room_sn = $1",
        )
        .bind(room)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Local users who are joined.
    pub async fn local_joined_members(&mut self, room: RoomSn) -> Result<Vec<UserSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT user_sn FROM local_memberships WHERE room_sn = $1 AND membership = 1")
            .bind(room)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// A local user's view of a room.
    pub async fn local_membership(
        &mut self,
        user: UserSn,
        room: RoomSn,
    ) -> Result<Option<LocalMembership>, StoreError> {
        if let Some(mine) = self.1.membership(user, room) {
            return Ok(Some(mine));
        }
        Ok(sqlx::query_as("SELECT * FROM local_memberships WHERE user_sn = $1 AND room_sn = $2")
            .bind(user)
            .bind(room)
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// All rooms of a local user that were not forgotten.
    pub async fn local_memberships(&mut self, user: UserSn) -> Result<Vec<LocalMembership>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM local_memberships WHERE user_sn = $1 AND forgotten = 0 ORDER BY room_sn")
            .bind(user)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// Whether a user of any server is joined to a room, by their ids.
    pub async fn is_joined(&mut self, room_id: &RoomId, user_id: &UserId) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members m JOIN rooms r USING (room_sn) JOIN users u USING (user_sn)
             WHERE r.room_id = $1 AND u.user_id = $2 AND m.membership = 1)",
        )
        .bind(room_id.as_str())
        .bind(user_id.as_str())
        .fetch_one(&mut self.0)
        .await?)
    }

    /// The profile fields that member events carry.
    pub async fn member_profile(&mut self, user: UserSn) -> Result<BTreeMap<String, CanonicalJsonValue>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT field, value FROM profile_fields WHERE user_sn = $1 AND field IN ('displayname', 'avatar_url')",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter()
            .map(|(field, value)| {
                let value = serde_json::from_str(&value).map_err(|_| StoreError::Damaged("a profile"))?;
                Ok((field, value))
            })
            .collect()
    }

    /// Whether a server has a joined user in the room, or was named as such while the members are still to come.
    pub async fn server_is_joined(&mut self, room: RoomSn, server: ServerSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members WHERE server_sn = $2 AND membership = 1 AND room_sn = $1)
                 OR EXISTS (SELECT 1 FROM partial_servers WHERE room_sn = $1 AND server_sn = $2)",
        )
        .bind(room)
        .bind(server)
        .fetch_one(&mut self.0)
        .await?)
    }
}

impl Db {
    /// Whether the room's state speaks of anybody of this server, whatever it says; or may do so when its members are here.
    pub async fn server_has_members(&mut self, room: RoomSn, server: ServerSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members WHERE server_sn = $2 AND membership IN (0, 1, 2, 3, 4) AND room_sn = $1)
                 OR EXISTS (SELECT 1 FROM partial_servers WHERE room_sn = $1 AND server_sn = $2)",
        )
            .bind(room)
            .bind(server)
            .fetch_one(&mut self.0)
            .await?)
    }
}

impl Tx {
    /// Writes a member's row as the room's state has it now.
    pub async fn put_member(
        &mut self,
        room: RoomSn,
        user_id: &UserId,
        membership: Membership,
        event: EventSn,
        display_name: Option<&str>,
        avatar_url: Option<&str>,
    ) -> Result<UserSn, StoreError> {
        let user = self.make_user_sn(user_id).await?;
        let server = self.make_server_sn(user_id.server_name()).await?;
        sqlx::query(
            "INSERT INTO members (room_sn, user_sn, server_sn, membership, event_sn, display_name, avatar_url)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (room_sn, user_sn) DO UPDATE SET membership = excluded.membership, event_sn = excluded.event_sn,
                 display_name = excluded.display_name, avatar_url = excluded.avatar_url",
        )
        .bind(room)
        .bind(user)
        .bind(server)
        .bind(membership)
        .bind(event)
        .bind(display_name)
        .bind(avatar_url)
        .execute(&mut self.db.0)
        .await?;
        Ok(user)
    }

    /// Removes a member's row: the state says nothing of the user any more.
    pub async fn remove_member(&mut self, room: RoomSn, user: UserSn) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM members WHERE room_sn = $1 AND user_sn = $2")
            .bind(room)
            .bind(user)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// A local user's view changed; their syncs are woken.
    pub async fn put_local_membership(&mut self, row: &LocalMembership) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO local_memberships
                 (user_sn, room_sn, membership, event_sn, position, joined_position, stripped_state, invite_event, forgotten,
                  left_position, left_event_sn)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (user_sn, room_sn) DO UPDATE SET membership = excluded.membership, event_sn = excluded.event_sn,
                 position = excluded.position, joined_position = excluded.joined_position, stripped_state = excluded.stripped_state,
                 invite_event = excluded.invite_event, forgotten = excluded.forgotten, left_position = excluded.left_position,
                 left_event_sn = excluded.left_event_sn",
        )
        .bind(row.user_sn)
        .bind(row.room_sn)
        .bind(row.membership)
        .bind(row.event_sn)
        .bind(row.position)
        .bind(row.joined_position)
        .bind(&row.stripped_state)
        .bind(&row.invite_event)
        .bind(row.forgotten)
        .bind(row.departure.position)
        .bind(row.departure.event)
        .execute(&mut self.db.0)
        .await?;
        self.wake_user(row.user_sn);
        Ok(())
    }

    /// The user does not want to see the room any more.
    pub async fn forget_room(&mut self, user: UserSn, room: RoomSn) -> Result<(), StoreError> {
        sqlx::query("UPDATE local_memberships SET forgotten = 1 WHERE user_sn = $1 AND room_sn = $2")
            .bind(user)
            .bind(room)
            .execute(&mut self.db.0)
            .await?;
        self.wake_user(user);
        Ok(())
    }
}
