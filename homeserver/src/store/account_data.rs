//! Account data of local users: global (room 0) and per room, push rules among it.

use ruma::push::Ruleset;
use serde::{Deserialize, Serialize};

use super::{Db, Position, RoomSn, StoreError, Tx, UserSn};

/// The content of `m.push_rules`.
#[derive(Serialize, Deserialize)]
struct PushRules {
    global: Ruleset,
}

const PUSH_RULES: &str = "m.push_rules";

impl RoomSn {
    /// Stands for no room: account data that is global.
    pub const GLOBAL: Self = Self(0);
}

impl Db {
    /// The JSON content of one type.
    pub async fn account_data(
        &mut self,
        user: UserSn,
        room: RoomSn,
        data_type: &str,
    ) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT content FROM account_data WHERE user_sn = $1 AND room_sn = $2 AND type = $3")
            .bind(user)
            .bind(room)
            .bind(data_type)
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// How many types of account data the user has there.
    pub async fn account_data_types(&mut self, user: UserSn, room: RoomSn) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM account_data WHERE user_sn = $1 AND room_sn = $2")
            .bind(user)
            .bind(room)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// The user's push rules; the server's defaults when they have none of their own.
    pub async fn push_rules(&mut self, user: UserSn) -> Result<Ruleset, StoreError> {
        match self.account_data(user, RoomSn::GLOBAL, PUSH_RULES).await? {
            Some(content) => {
                let rules: PushRules = serde_json::from_str(&content).map_err(|_| StoreError::Damaged("push rules"))?;
                Ok(rules.global)
            }
            None => Ok(Ruleset::server_default(&self.user_id(user).await?)),
        }
    }
}

impl Tx {
    /// Sets the JSON content of one type, which the user's syncs show.
    pub async fn set_account_data(
        &mut self,
        user: UserSn,
        room: RoomSn,
        data_type: &str,
        content: &str,
    ) -> Result<Position, StoreError> {
        let position = self.next_position();
        sqlx::query(
            "INSERT INTO account_data (user_sn, room_sn, type, content, position) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_sn, room_sn, type) DO UPDATE SET content = excluded.content, position = excluded.position",
        )
        .bind(user)
        .bind(room)
        .bind(data_type)
        .bind(content)
        .bind(position)
        .execute(&mut self.db.0)
        .await?;
        self.wake_user(user);
        Ok(position)
    }

    pub async fn set_push_rules(&mut self, user: UserSn, rules: &Ruleset) -> Result<Position, StoreError> {
        let content = serde_json::to_string(&PushRules { global: rules.clone() })
            .map_err(|_| StoreError::Damaged("push rules"))?;
        self.set_account_data(user, RoomSn::GLOBAL, PUSH_RULES, &content).await
    }

    /// Forgets all account data of a closed account.
    pub async fn delete_account_data(&mut self, user: UserSn) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM account_data WHERE user_sn = $1").bind(user).execute(&mut self.db.0).await?;
        Ok(())
    }
}
