//! Media: uploaded files, thumbnails, previews of pages, and a cache of what other servers keep.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use ruma::{OwnedServerName, ServerName};
use tokio::{
    io::AsyncWriteExt,
    sync::{Notify, Semaphore},
};

use crate::{
    clock::Clock,
    config::Config,
    store::{Durability, MediaRow, ServerSn, Store, StoreError, UserSn},
};

use super::{accounts::random_token, federation::Federation, web::Web};

mod cache;
mod error;
mod previews;
mod purge;
mod remote;
mod thumbnails;

pub use self::{
    error::MediaError,
    thumbnails::{Thumbnail, ThumbnailMethod},
};

/// How long an id waits for its upload.
const UNUSED_MS: i64 = 24 * 3600 * 1000;
/// How many ids a user may hold that nothing was uploaded to.
const MOST_PENDING: i64 = 100;
/// The longest that a request waits for an upload.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The media of this server. Cheap to clone.
#[derive(Clone)]
pub struct Media {
    store: Store,
    clock: Clock,
    config: Arc<Config>,
    server_name: OwnedServerName,
    federation: Federation,
    web: Arc<dyn Web>,
    folder: PathBuf,
    uploaded: Arc<Notify>,
    thumbnails: thumbnails::Thumbnails,
    previews: previews::Previews,
    /// Places for files that are fetched from other servers just now, each of them in memory.
    fetches: Arc<Semaphore>,
}

/// What is uploaded, beside the bytes.
#[derive(Clone, Debug, Default)]
pub struct Description {
    pub content_type: Option<String>,
    pub filename: Option<String>,
}

/// A file that can be served.
#[derive(Clone, Debug)]
pub struct Found {
    pub path: PathBuf,
    pub size: u64,
    pub content_type: Option<String>,
    pub filename: Option<String>,
}

impl Media {
    pub fn new(
        store: Store,
        clock: Clock,
        config: Arc<Config>,
        server_name: OwnedServerName,
        federation: Federation,
        web: Arc<dyn Web>,
    ) -> Self {
        let folder = config.data.join("media");
        Self {
            store,
            clock,
            config,
            server_name,
            federation,
            web,
            folder,
            uploaded: Arc::default(),
            thumbnails: thumbnails::Thumbnails::default(),
            previews: previews::Previews::default(),
            fetches: Arc::new(Semaphore::new(remote::AT_ONCE)),
        }
    }

    /// An id to upload to later, and until when.
    pub async fn reserve(&self, user: UserSn) -> Result<(String, i64), MediaError> {
        let now = self.clock.now_ms();
        if self.store.read().await?.pending_media(user, now).await? >= MOST_PENDING {
            return Err(MediaError::TooManyPending);
        }
        let (media_id, expires_ts) = (random_token(&mut rand::rng()), now + UNUSED_MS);
        let id = media_id.clone();
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move { tx.reserve_media(&id, user, expires_ts).await })
            })
            .await?;
        Ok((media_id, expires_ts))
    }

    /// Whether the user may upload to an id that was given out.
    pub async fn check_reserved(&self, user: UserSn, server: &ServerName, media_id: &str) -> Result<(), MediaError> {
        if server != self.server_name {
            return Err(MediaError::NotYours);
        }
        let row = self.store.read().await?.media(ServerSn::OURS, media_id).await?.ok_or(MediaError::NotFound)?;
        if row.uploader_sn != Some(user) {
            return Err(MediaError::NotYours);
        }
        if row.file.is_some() {
            return Err(MediaError::CannotOverwrite);
        }
        if row.unused_expires_ts.is_some_and(|expires| expires <= self.clock.now_ms()) {
            return Err(MediaError::NotFound);
        }
        Ok(())
    }

    /// Takes an upload under a given id, or a new one, and answers the id.
    pub async fn upload<E>(
        &self,
        user: UserSn,
        media_id: Option<String>,
        description: Description,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<String, MediaError> {
        let media_id = media_id.unwrap_or_else(|| random_token(&mut rand::rng()));
        let (file, size) = self.keep(body).await?;
        let entered = self.enter(ServerSn::OURS, media_id.clone(), file, size, description, Some(user)).await?;
        self.uploaded.notify_waiters();
        if entered { Ok(media_id) } else { Err(MediaError::CannotOverwrite) }
    }

    /// The file of an id; waits up to `wait` for one that is not uploaded yet.
    pub async fn find(&self, server: &ServerName, media_id: &str, wait: Duration) -> Result<Found, MediaError> {
        if media_id.is_empty() || !media_id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            return Err(MediaError::NotFound);
        }
        if server != self.server_name {
            return self.find_remote(server, media_id, wait).await;
        }
        let deadline = tokio::time::Instant::now() + wait.min(LONGEST_WAIT);
        loop {
            let uploaded = self.uploaded.notified();
            let row = self.store.read().await?.media(ServerSn::OURS, media_id).await?.ok_or(MediaError::NotFound)?;
            if row.file.is_some() {
                self.used(ServerSn::OURS, media_id, &row).await?;
                return self.found(row);
            }
            if row.unused_expires_ts.is_some_and(|expires| expires <= self.clock.now_ms()) {
                return Err(MediaError::NotFound);
            }
            if tokio::time::timeout_at(deadline, uploaded).await.is_err() {
                return Err(MediaError::NotYetUploaded);
            }
        }
    }

    /// A file from before media needed a login.
    pub async fn find_frozen(&self, server: &ServerName, media_id: &str) -> Result<Option<Found>, MediaError> {
        let mut db = self.store.read().await?;
        let Some(server) = db.server_sn(server).await? else { return Ok(None) };
        let row = db.media(server, media_id).await?.filter(|row| !row.authenticated && row.file.is_some());
        row.map(|row| self.found(row)).transpose()
    }

    /// The largest upload in bytes.
    pub fn largest(&self) -> u64 {
        self.config.max_upload_size
    }

    fn found(&self, row: MediaRow) -> Result<Found, MediaError> {
        let file = row.file.filter(|_| !row.quarantined).ok_or(MediaError::NotFound)?;
        Ok(Found {
            path: self.folder.join(file),
            size: row.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            content_type: row.content_type,
            filename: row.content_disposition,
        })
    }

    /// Writes a body to a file of its own and answers the file's name and size.
    async fn keep<E>(&self, body: impl Stream<Item = Result<Bytes, E>> + Send) -> Result<(String, u64), MediaError> {
        let name = random_token(&mut rand::rng());
        let (folder, _) = name.split_at(2);
        let file = format!("{folder}/{name}");
        tokio::fs::create_dir_all(self.folder.join(folder)).await?;
        let path = self.folder.join(&file);
        match self.write(&path, body).await {
            Ok(size) => Ok((file, size)),
            Err(error) => {
                tokio::fs::remove_file(&path).await.ok();
                Err(error)
            }
        }
    }

    async fn write<E>(
        &self,
        path: &std::path::Path,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<u64, MediaError> {
        let mut file = tokio::fs::File::create_new(path).await?;
        let mut size = 0;
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| MediaError::BrokenOff)?;
            size += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            if size > self.config.max_upload_size {
                return Err(MediaError::TooLarge);
            }
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        file.sync_data().await?;
        Ok(size)
    }

    async fn enter(
        &self,
        server: ServerSn,
        media_id: String,
        file: String,
        size: u64,
        description: Description,
        uploader_sn: Option<UserSn>,
    ) -> Result<bool, MediaError> {
        let path = self.folder.join(&file);
        let row = MediaRow {
            file: Some(file),
            size: i64::try_from(size).ok(),
            content_type: description.content_type,
            content_disposition: description.filename,
            uploader_sn,
            unused_expires_ts: None,
            authenticated: true,
            quarantined: false,
            last_used_ts: 0,
        };
        let entered = self
            .store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move { tx.put_media(server, &media_id, &row).await })
            })
            .await;
        if !matches!(entered, Ok(true)) {
            tokio::fs::remove_file(&path).await.ok();
        }
        Ok(entered?)
    }
}
