//! Originals of redacted events: kept for the days that the settings allow, then gone for good.

use std::{error::Error, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::store::{Durability, StoreError};

use super::Rooms;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 24 * 3600 * 1000;
/// Originals that are deleted in one transaction.
const AT_ONCE: i64 = 500;

impl Rooms {
    /// Deletes originals whose days are over, until `stop`.
    pub async fn forget_originals(self, days: u32, stop: CancellationToken) {
        loop {
            if let Err(error) = self.forget_originals_now(days).await {
                tracing::warn!(error = &error as &dyn Error, "Originals of redacted events could not be deleted.");
            }
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }

    async fn forget_originals_now(&self, days: u32) -> Result<(), StoreError> {
        let before = self.clock.now_ms() - i64::from(days) * DAY_MS;
        loop {
            let deleted = self
                .store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move { tx.forget_redacted_originals(before, AT_ONCE).await })
                })
                .await?;
            if deleted < AT_ONCE {
                return Ok(());
            }
        }
    }
}
