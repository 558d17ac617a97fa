//! The cache of what can be fetched again: other servers' files and pictures of previews, within a number of bytes.

use std::{error::Error, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::store::{Durability, MediaRow, ServerSn, StoreError};

use super::{Media, MediaError};

/// Between two looks at the cache.
const EVERY: Duration = Duration::from_secs(3600);
/// A use within this time of the last one is not noted.
const NOTED_AFTER_MS: i64 = 3600 * 1000;
/// How long previews are remembered, and how many.
const PREVIEWS_MS: i64 = 24 * 3600 * 1000;
const MOST_PREVIEWS: i64 = 10_000;

impl Media {
    /// Keeps the cache within its size and forgets what is over, until `stop`.
    pub async fn tend(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.tidy_up().await {
                tracing::warn!(error = &error as &dyn Error, "The media cache could not be tidied up.");
            }
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }

    async fn tidy_up(&self) -> Result<(), MediaError> {
        let before = self.clock.now_ms() - PREVIEWS_MS;
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    tx.forget_unused_media().await?;
                    tx.forget_url_previews(before, MOST_PREVIEWS).await
                })
            })
            .await?;
        self.make_room().await
    }

    /// Keeps the cache within its size.
    pub(super) async fn make_room(&self) -> Result<(), MediaError> {
        let most = i64::try_from(self.config.media_cache_size).unwrap_or(i64::MAX);
        loop {
            let over = self.store.read().await?.cached_media_size().await?.saturating_sub(most);
            if over <= 0 {
                return Ok(());
            }
            let files = self
                .store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move { tx.forget_cached_media(over).await })
                })
                .await?;
            if files.is_empty() {
                return Ok(());
            }
            for file in files {
                tokio::fs::remove_file(self.folder.join(file)).await.ok();
            }
        }
    }

    /// Notes that cached media was asked for.
    pub(super) async fn used(&self, server: ServerSn, media_id: &str, row: &MediaRow) -> Result<(), MediaError> {
        if self.clock.now_ms() - row.last_used_ts < NOTED_AFTER_MS {
            return Ok(());
        }
        let media_id = media_id.to_owned();
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.use_media(server, &media_id).await })
            })
            .await?;
        Ok(())
    }
}
