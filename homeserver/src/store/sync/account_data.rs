//! Account data as sync reads it.

use super::{Position, RoomSn, UserSn};
use crate::store::{Db, StoreError};

/// One event of account data.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AccountData {
    /// 0 for global account data.
    #[sqlx(rename = "room_sn")]
    pub room: RoomSn,
    #[sqlx(rename = "type")]
    pub event_type: String,
    /// A JSON object.
    pub content: String,
}

pub(super) const ACCOUNT_DATA_SINCE: &str =
    "SELECT room_sn, type, content FROM account_data WHERE user_sn = $1 AND position > $2 ORDER BY position";

impl Db {
    /// Account data of the user that changed after `since`, of all rooms and global.
    pub async fn account_data_since(&mut self, user: UserSn, since: Position) -> Result<Vec<AccountData>, StoreError> {
        Ok(sqlx::query_as(ACCOUNT_DATA_SINCE).bind(user).bind(since).fetch_all(&mut self.0).await?)
    }

    /// All account data of one room (0: global).
    pub async fn account_data_of_room(&mut self, user: UserSn, room: RoomSn) -> Result<Vec<AccountData>, StoreError> {
        Ok(sqlx::query_as("SELECT room_sn, type, content FROM account_data WHERE user_sn = $1 AND room_sn = $2")
            .bind(user)
            .bind(room)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// A filter that the user stored.
    pub async fn stored_filter(&mut self, user: UserSn, filter_id: i64) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT filter FROM filters WHERE user_sn = $1 AND filter_id = $2")
            .bind(user)
            .bind(filter_id)
            .fetch_optional(&mut self.0)
            .await?)
    }
}
