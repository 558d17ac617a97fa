//! Answers to requests with a client's transaction id: a repeated request gets the first answer.

use ruma::{DeviceId, TransactionId};

use super::{Db, StoreError, Tx, UserSn};

impl Db {
    /// The answer that the device's request with this id had; `path` tells the endpoint.
    pub async fn transaction_answer(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        path: &str,
        txn_id: &TransactionId,
    ) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT answer FROM transactions WHERE user_sn = $1 AND device_id = $2 AND path = $3 AND txn_id = $4",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(path)
        .bind(txn_id.as_str())
        .fetch_optional(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Keeps the answer of a request.
    pub async fn put_transaction_answer(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        path: &str,
        txn_id: &TransactionId,
        answer: &str,
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO transactions (user_sn, device_id, path, txn_id, answer, created_ts) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(path)
        .bind(txn_id.as_str())
        .bind(answer)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
