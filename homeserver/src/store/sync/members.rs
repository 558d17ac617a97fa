//! Members as sync shows them: heroes, counts, and the member events of those who wrote.

use ruma::OwnedUserId;
use sqlx::{QueryBuilder, Sqlite};

use super::{EventSn, Membership, RoomSn, UserSn};
use crate::store::{Db, StoreError};

/// Someone whose name can stand for the room's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hero {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
    /// The member event.
    pub event: EventSn,
}

/// Five of each membership: joined, invited, left, banned.
pub(super) const HEROES: &str = "
    WITH few_joined AS (SELECT * FROM members WHERE room_sn = $1 AND membership = 1 AND user_sn <> $2 ORDER BY event_sn LIMIT 5),
        few_invited AS (SELECT * FROM members WHERE room_sn = $1 AND membership = 2 AND user_sn <> $2 ORDER BY event_sn LIMIT 5),
        few_left AS (SELECT * FROM members WHERE room_sn = $1 AND membership = 0 AND user_sn <> $2 ORDER BY event_sn LIMIT 5),
        few_banned AS (SELECT * FROM members WHERE room_sn = $1 AND membership = 4 AND user_sn <> $2 ORDER BY event_sn LIMIT 5)
    SELECT m.membership, m.user_sn, u.user_id, m.display_name, m.avatar_url, m.event_sn
    FROM (SELECT * FROM few_joined UNION ALL SELECT * FROM few_invited UNION ALL SELECT * FROM few_left UNION ALL SELECT * FROM few_banned) m
        JOIN users u ON u.user_sn = m.user_sn ORDER BY m.membership, m.event_sn";

/// Membership, user, id, name, picture, member event.
type HeroRow = (Membership, UserSn, String, Option<String>, Option<String>, EventSn);

impl Db {
    /// Up to five others, joined or invited; when nobody is, those who left.
    pub async fn heroes(&mut self, room: RoomSn, me: UserSn) -> Result<Vec<Hero>, StoreError> {
        let rows: Vec<HeroRow> = sqlx::query_as(HEROES).bind(room).bind(me).fetch_all(&mut self.0).await?;
        let here = |membership| matches!(membership, Membership::Join | Membership::Invite);
        let anybody = rows.iter().any(|(membership, ..)| here(*membership));
        rows.into_iter()
            .filter(|(membership, ..)| here(*membership) == anybody)
            .take(5)
            .map(|(_, user, user_id, display_name, avatar_url, event)| {
                let user_id = user_id.try_into().map_err(|_| StoreError::Damaged("a user id"))?;
                Ok(Hero { user, user_id, display_name, avatar_url, event })
            })
            .collect()
    }

    /// How many are joined and how many are invited.
    pub async fn member_counts(&mut self, room: RoomSn) -> Result<(u32, u32), StoreError> {
        if let Some(counts) = self.1.counts(room) {
            return Ok(counts);
        }
        Ok(sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM members WHERE room_sn = $1 AND membership = 1),
                    (SELECT COUNT(*) FROM members WHERE room_sn = $1 AND membership = 2)",
        )
        .bind(room)
        .fetch_one(&mut self.0)
        .await?)
    }

    /// How many are joined, counted up to `most`.
    pub async fn joined_members_upto(&mut self, room: RoomSn, most: u32) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM (SELECT 1 FROM members WHERE room_sn = $1 AND membership = 1 LIMIT $2)",
        )
        .bind(room)
        .bind(most)
        .fetch_one(&mut self.0)
        .await?)
    }

    /// The member events of these users.
    pub async fn member_events(&mut self, room: RoomSn, users: &[UserSn]) -> Result<Vec<EventSn>, StoreError> {
        if let Some(events) = self.1.member_events(room, users) {
            return Ok(events);
        }
        let mut events = Vec::with_capacity(users.len());
        for chunk in users.chunks(500) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT event_sn FROM members WHERE room_sn = ");
            query.push_bind(room).push(" AND user_sn IN (");
            let mut list = query.separated(", ");
            for user in chunk {
                list.push_bind(*user);
            }
            query.push(")");
            events.extend(query.build_query_scalar::<EventSn>().fetch_all(&mut self.0).await?);
        }
        Ok(events)
    }

    /// The name a member has in the room.
    pub async fn member_display_name(&mut self, room: RoomSn, user: UserSn) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT display_name FROM members WHERE room_sn = $1 AND user_sn = $2")
            .bind(room)
            .bind(user)
            .fetch_optional(&mut self.0)
            .await?
            .flatten())
    }

    /// Whether someone, local or not, is joined to the room.
    pub async fn sync_is_joined(&mut self, room: RoomSn, user: UserSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members WHERE room_sn = $1 AND user_sn = $2 AND membership = 1)",
        )
        .bind(room)
        .bind(user)
        .fetch_one(&mut self.0)
        .await?)
    }

    /// The same of someone who is not known by a member event yet, when their server is in the room and the members are still to come.
    pub async fn may_be_joined(&mut self, room: RoomSn, user: UserSn) -> Result<bool, StoreError> {
        if self.sync_is_joined(room, user).await? {
            return Ok(true);
        }
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM partial_servers p JOIN users u ON u.server_sn = p.server_sn
                 WHERE p.room_sn = $1 AND u.user_sn = $2)
                 AND NOT EXISTS (SELECT 1 FROM members WHERE room_sn = $1 AND user_sn = $2)",
        )
        .bind(room)
        .bind(user)
        .fetch_one(&mut self.0)
        .await?)
    }
}
