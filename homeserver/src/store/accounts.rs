//! Accounts of this server.

use ruma::{OwnedUserId, UserId};

use super::{Db, StoreError, Tx, UserSn};

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
    pub created_ts: i64,
}

/// What a new account starts with.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    pub password_hash: Option<String>,
    pub admin: bool,
    pub guest: bool,
}

type Columns = (UserSn, String, Option<String>, bool, bool, bool, bool, Option<i64>, i64);

fn row(columns: Columns) -> Result<AccountRow, StoreError> {
    let (user, user_id, password_hash, admin, guest, locked, suspended, deactivated_ts, created_ts) = columns;
    let user_id = user_id.try_into().map_err(|_| StoreError::Damaged("a user id"))?;
    Ok(AccountRow { user, user_id, password_hash, admin, guest, locked, suspended, deactivated_ts, created_ts })
}

impl Db {
    /// The account with this user id, deactivated ones too.
    pub async fn account(&mut self, user_id: &UserId) -> Result<Option<AccountRow>, StoreError> {
        let found: Option<Columns> = sqlx::query_as(
            "SELECT a.user_sn, u.user_id, a.password_hash, a.admin, a.guest, a.locked, a.suspended, a.deactivated_ts, a.created_ts
             FROM users u JOIN accounts a USING (user_sn) WHERE u.user_id = $1",
        )
        .bind(user_id.as_str())
        .fetch_optional(&mut self.0)
        .await?;
        found.map(row).transpose()
    }

    /// All accounts, oldest first.
    pub async fn accounts(&mut self) -> Result<Vec<AccountRow>, StoreError> {
        let found: Vec<Columns> = sqlx::query_as(
            "SELECT a.user_sn, u.user_id, a.password_hash, a.admin, a.guest, a.locked, a.suspended, a.deactivated_ts, a.created_ts
             FROM accounts a JOIN users u USING (user_sn) ORDER BY a.created_ts, a.user_sn",
        )
        .fetch_all(&mut self.0)
        .await?;
        found.into_iter().map(row).collect()
    }
}

impl Tx {
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
