//! Whom a user can find by name.

use super::{Db, StoreError, UserSn};

/// Somebody who may be found.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KnownUser {
    pub user_id: String,
    /// From the profile, a JSON value.
    pub profile_name: Option<String>,
    /// From the profile, a JSON value.
    pub profile_avatar: Option<String>,
    /// From a room, for people of other servers.
    pub member_name: Option<String>,
    pub member_avatar: Option<String>,
}

impl Db {
    /// The people of this server and those in the user's rooms, at most `most`.
    pub async fn known_users(&mut self, user: UserSn, most: i64) -> Result<Vec<KnownUser>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT u.user_id,
                (SELECT value FROM profile_fields p WHERE p.user_sn = k.user_sn AND p.field = 'displayname') AS profile_name,
                (SELECT value FROM profile_fields p WHERE p.user_sn = k.user_sn AND p.field = 'avatar_url') AS profile_avatar,
                MAX(k.display_name) AS member_name, MAX(k.avatar_url) AS member_avatar
             FROM (
                SELECT user_sn, NULL AS display_name, NULL AS avatar_url FROM accounts WHERE deactivated_ts IS NULL AND guest = 0
                UNION ALL
                SELECT other.user_sn, other.display_name, other.avatar_url
                FROM members mine JOIN members other ON other.room_sn = mine.room_sn
                WHERE mine.user_sn = $1 AND mine.membership = 1 AND other.membership = 1
             ) k JOIN users u ON u.user_sn = k.user_sn
             GROUP BY k.user_sn, u.user_id LIMIT $2",
        )
        .bind(user)
        .bind(most)
        .fetch_all(&mut self.0)
        .await?)
    }
}
