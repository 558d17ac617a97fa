//! Accounts of this server.

use ruma::{OwnedUserId, UserId};

use super::{Db, Membership, Position, RoomSn, StoreError, Tx, UserSn};

/// An account.
#[derive(Clone, Debug)]
pub struct AccountRow {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    /// PHC format; `None` when no password can sign in.
    pub password_hash: Option<String>,
    pub admin: bool,
    pub guest: bool,
    pub locked: bool,
    pub suspended: bool,
    /// Milliseconds since 1970.
    pub deactivated_ts: Option<i64>,
    /// Who comes into a room later sees nothing of what they said.
    pub erased: bool,
    pub created_ts: i64,
}

/// What a new account starts with.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    pub password_hash: Option<String>,
    pub admin: bool,
    pub guest: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    user_sn: UserSn,
    user_id: String,
    password_hash: Option<String>,
    admin: bool,
    guest: bool,
    locked: bool,
    suspended: bool,
    deactivated_ts: Option<i64>,
    erased: bool,
    created_ts: i64,
}

impl Row {
    fn read(self) -> Result<AccountRow, StoreError> {
        Ok(AccountRow {
            user: self.user_sn,
            user_id: self.user_id.try_into().map_err(|_| StoreError::Damaged("a user id"))?,
            password_hash: self.password_hash,
            admin: self.admin,
            guest: self.guest,
            locked: self.locked,
            suspended: self.suspended,
            deactivated_ts: self.deactivated_ts,
            erased: self.erased,
            created_ts: self.created_ts,
        })
    }
}

impl Db {
    /// The account with this user id, deactivated ones too.
    pub async fn account(&mut self, user_id: &UserId) -> Result<Option<AccountRow>, StoreError> {
        let found: Option<Row> = sqlx::query_as(
            "SELECT a.user_sn, u.user_id, a.password_hash, a.admin, a.guest, a.locked, a.suspended, a.deactivated_ts, a.erased_position IS NOT NULL AS erased, a.created_ts
             FROM users u JOIN accounts a USING (user_sn) WHERE u.user_id = $1",
        )
        .bind(user_id.as_str())
        .fetch_optional(&mut self.0)
        .await?;
        found.map(Row::read).transpose()
    }

    /// All accounts, oldest first.
    pub async fn accounts(&mut self) -> Result<Vec<AccountRow>, StoreError> {
        let found: Vec<Row> = sqlx::query_as(
            "SELECT a.user_sn, u.user_id, a.password_hash, a.admin, a.guest, a.locked, a.suspended, a.deactivated_ts, a.erased_position IS NOT NULL AS erased, a.created_ts
             FROM accounts a JOIN users u USING (user_sn) ORDER BY a.created_ts, a.user_sn",
        )
        .fetch_all(&mut self.0)
        .await?;
        found.into_iter().map(Row::read).collect()
    }

    /// When the user wanted everything forgotten that they said; `None` when they did not.
    pub async fn erased_position(&mut self, user: UserSn) -> Result<Option<Position>, StoreError> {
        let found: Option<Option<Position>> =
            sqlx::query_scalar("SELECT erased_position FROM accounts WHERE user_sn = $1")
                .bind(user)
                .fetch_optional(&mut self.0)
                .await?;
        Ok(found.flatten())
    }

    /// Whether the account is a guest's.
    pub async fn is_guest(&mut self, user: UserSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts WHERE user_sn = $1 AND guest = 1)")
            .bind(user)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// Guests of this server who are joined to a room.
    pub async fn joined_guests(&mut self, room: RoomSn) -> Result<Vec<(UserSn, OwnedUserId)>, StoreError> {
        let found: Vec<(UserSn, String)> = sqlx::query_as(
            "SELECT u.user_sn, u.user_id FROM local_memberships m JOIN accounts a USING (user_sn) JOIN users u USING (user_sn)
             WHERE m.room_sn = $1 AND m.membership = $2 AND a.guest = 1",
        )
        .bind(room)
        .bind(Membership::Join)
        .fetch_all(&mut self.0)
        .await?;
        let read =
            |(user, id): (UserSn, String)| Ok((user, id.try_into().map_err(|_| StoreError::Damaged("a user id"))?));
        found.into_iter().map(read).collect()
    }
}

impl Tx {
    /// The guest's account becomes an ordinary one; `false` when it is none.
    pub async fn upgrade_guest(&mut self, user: UserSn, password_hash: &str) -> Result<bool, StoreError> {
        let upgraded = sqlx::query(
            "UPDATE accounts SET guest = 0, password_hash = $2 WHERE user_sn = $1 AND guest = 1 AND deactivated_ts IS NULL",
        )
        .bind(user)
        .bind(password_hash)
        .execute(&mut self.db.0)
        .await?;
        Ok(upgraded.rows_affected() == 1)
    }

    /// Marks what the user said as forgotten.
    pub async fn erase_account(&mut self, user: UserSn) -> Result<(), StoreError> {
        let position = self.next_position();
        sqlx::query("UPDATE accounts SET erased_position = $2 WHERE user_sn = $1")
            .bind(user)
            .bind(position)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Deletes what a user kept here beside account data and devices: key backups, filters, signatures, addresses, tokens for
    /// others.
    pub async fn delete_belongings(&mut self, user: UserSn) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM key_backup_sessions WHERE user_sn = $1",
            "DELETE FROM key_backups WHERE user_sn = $1",
            "DELETE FROM cross_signing_keys WHERE user_sn = $1",
            "DELETE FROM key_signatures WHERE user_sn = $1",
            "DELETE FROM filters WHERE user_sn = $1",
            "DELETE FROM pushers WHERE user_sn = $1",
            "DELETE FROM notifications WHERE user_sn = $1",
            "DELETE FROM login_tokens WHERE user_sn = $1",
            "DELETE FROM openid_tokens WHERE user_sn = $1",
            "DELETE FROM threepids WHERE user_sn = $1",
            "DELETE FROM threepid_bindings WHERE user_sn = $1",
            "DELETE FROM delayed_events WHERE user_sn = $1",
            "DELETE FROM thread_subscriptions WHERE user_sn = $1",
        ] {
            sqlx::query(statement).bind(user).execute(&mut self.db.0).await?;
        }
        Ok(())
    }

    /// Makes an account; `None` when the name was ever given out.
    pub async fn add_account(&mut self, user_id: &UserId, new: &NewAccount) -> Result<Option<UserSn>, StoreError> {
        let user = self.make_user_sn(user_id).await?;
        let added = sqlx::query(
            "INSERT INTO accounts (user_sn, password_hash, admin, guest, created_ts) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(user)
        .bind(&new.password_hash)
        .bind(new.admin)
        .bind(new.guest)
        .bind(self.now_ms())
        .execute(&mut self.db.0)
        .await?;
        Ok((added.rows_affected() == 1).then_some(user))
    }

    pub async fn set_password_hash(&mut self, user: UserSn, hash: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET password_hash = $2 WHERE user_sn = $1")
            .bind(user)
            .bind(hash)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Takes the password away and closes the account for good.
    pub async fn deactivate_account(&mut self, user: UserSn) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET password_hash = NULL, admin = 0, deactivated_ts = $2 WHERE user_sn = $1")
            .bind(user)
            .bind(self.now_ms())
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub async fn set_locked(&mut self, user: UserSn, locked: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET locked = $2 WHERE user_sn = $1")
            .bind(user)
            .bind(locked)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub async fn set_suspended(&mut self, user: UserSn, suspended: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET suspended = $2 WHERE user_sn = $1")
            .bind(user)
            .bind(suspended)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub async fn set_admin(&mut self, user: UserSn, admin: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET admin = $2 WHERE user_sn = $1")
            .bind(user)
            .bind(admin)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}
