//! Taking old copies of other servers' media away.

use crate::store::{Durability, StoreError};

use super::{Media, MediaError};

impl Media {
    /// Deletes the copies that nobody has used since `ts`, in milliseconds since 1970; answers how many.
    pub async fn purge_cache(&self, ts: i64) -> Result<u64, MediaError> {
        let (count, files) = self
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.forget_remote_media_before(ts).await })
            })
            .await?;
        for file in files {
            if let Err(error) = tokio::fs::remove_file(self.folder.join(file)).await {
                tracing::warn!(%error, "A file of purged media could not be deleted.");
            }
        }
        Ok(count)
    }
}
