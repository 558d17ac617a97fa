//! Previews of pages, kept for a while.

use super::{Db, StoreError, Tx};

/// What was found out about a page.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct UrlPreview {
    /// JSON in the names of OpenGraph.
    pub preview: String,
    /// The picture, when there is one and it is still here.
    pub media_id: Option<String>,
}

impl Db {
    /// The newest preview of a page that is not older than `since_ts` and whose picture is still there.
    pub async fn url_preview(&mut self, url: &str, since_ts: i64) -> Result<Option<UrlPreview>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT p.preview, p.media_id FROM url_previews p WHERE p.url = $1 AND p.fetched_ts >= $2
                AND (p.media_id IS NULL OR EXISTS (SELECT 1 FROM media m WHERE m.server_sn = 1 AND m.media_id = p.media_id))
             ORDER BY p.fetched_ts DESC LIMIT 1",
        )
        .bind(url)
        .bind(since_ts)
        .fetch_optional(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Keeps a preview; its picture belongs to the cache from now on.
    pub async fn put_url_preview(&mut self, url: &str, preview: &UrlPreview) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO url_previews (url, fetched_ts, preview, media_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT (url, fetched_ts) DO UPDATE SET preview = excluded.preview, media_id = excluded.media_id",
        )
        .bind(url)
        .bind(now)
        .bind(&preview.preview)
        .bind(&preview.media_id)
        .execute(&mut self.db.0)
        .await?;
        if let Some(media_id) = &preview.media_id {
            sqlx::query("UPDATE media SET preview = 1 WHERE server_sn = 1 AND media_id = $1")
                .bind(media_id)
                .execute(&mut self.db.0)
                .await?;
        }
        Ok(())
    }

    /// Forgets previews fetched before `before_ts`, and all but the newest `most`.
    pub async fn forget_url_previews(&mut self, before_ts: i64, most: i64) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM url_previews WHERE fetched_ts < max($1, coalesce(
                (SELECT fetched_ts FROM url_previews ORDER BY fetched_ts DESC LIMIT 1 OFFSET $2), $1))",
        )
        .bind(before_ts)
        .bind(most)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
