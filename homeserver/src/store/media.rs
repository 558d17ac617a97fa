//! Media: what is known of each file, and of its thumbnails. The bytes lie in files.

use super::{Db, ServerSn, StoreError, Tx, UserSn};

/// What is known of a piece of media.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MediaRow {
    /// `None`: the id was given out, and nothing uploaded yet.
    pub file: Option<String>,
    pub size: Option<i64>,
    pub content_type: Option<String>,
    pub content_disposition: Option<String>,
    pub uploader_sn: Option<UserSn>,
    /// Milliseconds since 1970.
    pub unused_expires_ts: Option<i64>,
    pub authenticated: bool,
    pub quarantined: bool,
    /// Milliseconds since 1970.
    #[sqlx(default)]
    pub last_used_ts: i64,
}

/// A stored thumbnail.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ThumbnailRow {
    pub content_type: String,
    pub file: String,
    pub size: i64,
}

/// Which thumbnail.
#[derive(Clone, Debug)]
pub struct ThumbnailKey {
    pub server: ServerSn,
    pub media_id: String,
    pub width: i64,
    pub height: i64,
    pub method: &'static str,
    pub animated: bool,
}

impl Db {
    pub async fn media(&mut self, server: ServerSn, media_id: &str) -> Result<Option<MediaRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT file, size, content_type, content_disposition, uploader_sn, unused_expires_ts, authenticated, quarantined, last_used_ts
             FROM media WHERE server_sn = $1 AND media_id = $2",
        )
        .bind(server)
        .bind(media_id)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// How many ids the user holds that nothing was uploaded to.
    pub async fn pending_media(&mut self, user: UserSn, now_ms: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM media WHERE uploader_sn = $1 AND file IS NULL AND unused_expires_ts > $2",
        )
        .bind(user)
        .bind(now_ms)
        .fetch_one(&mut self.0)
        .await?)
    }

    pub async fn thumbnail(&mut self, key: &ThumbnailKey) -> Result<Option<ThumbnailRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT content_type, file, size FROM thumbnails
             WHERE server_sn = $1 AND media_id = $2 AND width = $3 AND height = $4 AND method = $5 AND animated = $6",
        )
        .bind(key.server)
        .bind(&key.media_id)
        .bind(key.width)
        .bind(key.height)
        .bind(key.method)
        .bind(key.animated)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// Bytes of media that may be forgotten: what other servers own and pictures of previews, with their thumbnails.
    pub async fn cached_media_size(&mut self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT (SELECT COALESCE(SUM(size), 0) FROM media WHERE server_sn <> 1 OR preview = 1)
                + (SELECT COALESCE(SUM(t.size), 0) FROM thumbnails t WHERE t.server_sn <> 1)",
        )
        .fetch_one(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Gives out an id that something will be uploaded to.
    pub async fn reserve_media(&mut self, media_id: &str, user: UserSn, expires_ts: i64) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO media (server_sn, media_id, uploader_sn, created_ts, last_used_ts, unused_expires_ts)
             VALUES (1, $1, $2, $3, $3, $4)",
        )
        .bind(media_id)
        .bind(user)
        .bind(now)
        .bind(expires_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Enters a file that lies there now; `false` when the id has one already.
    pub async fn put_media(&mut self, server: ServerSn, media_id: &str, row: &MediaRow) -> Result<bool, StoreError> {
        let now = self.now_ms();
        let put = sqlx::query(
            "INSERT INTO media (server_sn, media_id, file, size, content_type, content_disposition, uploader_sn, created_ts, last_used_ts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
             ON CONFLICT (server_sn, media_id) DO UPDATE SET file = excluded.file, size = excluded.size,
                content_type = excluded.content_type, content_disposition = excluded.content_disposition, unused_expires_ts = NULL
             WHERE media.file IS NULL",
        )
        .bind(server)
        .bind(media_id)
        .bind(&row.file)
        .bind(row.size)
        .bind(&row.content_type)
        .bind(&row.content_disposition)
        .bind(row.uploader_sn)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        Ok(put.rows_affected() == 1)
    }

    pub async fn put_thumbnail(&mut self, key: &ThumbnailKey, row: &ThumbnailRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO thumbnails (server_sn, media_id, width, height, method, animated, content_type, file, size)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        )
        .bind(key.server)
        .bind(&key.media_id)
        .bind(key.width)
        .bind(key.height)
        .bind(key.method)
        .bind(key.animated)
        .bind(&row.content_type)
        .bind(&row.file)
        .bind(row.size)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// The media was asked for.
    pub async fn use_media(&mut self, server: ServerSn, media_id: &str) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query("UPDATE media SET last_used_ts = $3 WHERE server_sn = $1 AND media_id = $2")
            .bind(server)
            .bind(media_id)
            .bind(now)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Forgets ids that were given out and whose time to upload is over.
    pub async fn forget_unused_media(&mut self) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query("DELETE FROM media WHERE file IS NULL AND unused_expires_ts <= $1")
            .bind(now)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Forgets cached media not used for longest, until `bytes` are freed; answers the files to delete.
    pub async fn forget_cached_media(&mut self, bytes: i64) -> Result<Vec<String>, StoreError> {
        let oldest: Vec<(ServerSn, String, Option<String>, i64)> = sqlx::query_as(
            "SELECT server_sn, media_id, file, COALESCE(size, 0) FROM media WHERE server_sn <> 1 OR preview = 1
             ORDER BY last_used_ts LIMIT 1000",
        )
        .fetch_all(&mut self.db.0)
        .await?;
        let (mut freed, mut files) = (0, Vec::new());
        for (server, media_id, file, size) in oldest {
            if freed >= bytes {
                break;
            }
            freed += size;
            files.extend(file);
            let small: Vec<(String, i64)> =
                sqlx::query_as("SELECT file, size FROM thumbnails WHERE server_sn = $1 AND media_id = $2")
                    .bind(server)
                    .bind(&media_id)
                    .fetch_all(&mut self.db.0)
                    .await?;
            for (file, size) in small {
                freed += size;
                files.push(file);
            }
            sqlx::query("DELETE FROM media WHERE server_sn = $1 AND media_id = $2")
                .bind(server)
                .bind(&media_id)
                .execute(&mut self.db.0)
                .await?;
        }
        Ok(files)
    }
}

impl Tx {
    /// Forgets the remote media last used before `ts`; answers how many, and the files to delete.
    pub async fn forget_remote_media_before(&mut self, ts: i64) -> Result<(u64, Vec<String>), StoreError> {
        let mut files: Vec<String> = sqlx::query_scalar(
            "SELECT t.file FROM thumbnails t JOIN media m ON m.server_sn = t.server_sn AND m.media_id = t.media_id
             WHERE m.server_sn <> 1 AND m.last_used_ts < $1",
        )
        .bind(ts)
        .fetch_all(&mut self.db.0)
        .await?;
        let gone: Vec<Option<String>> =
            sqlx::query_scalar("DELETE FROM media WHERE server_sn <> 1 AND last_used_ts < $1 RETURNING file")
                .bind(ts)
                .fetch_all(&mut self.db.0)
                .await?;
        let count = u64::try_from(gone.len()).unwrap_or(u64::MAX);
        files.extend(gone.into_iter().flatten());
        Ok((count, files))
    }
}
