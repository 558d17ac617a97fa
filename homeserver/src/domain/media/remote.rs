//! Media of other servers: fetched when asked for, kept as a cache.

use bytes::Bytes;
use ruma::{
    ServerName,
    api::federation::authenticated_media::{FileOrLocation, get_content},
};

use crate::{
    domain::federation::{Deadline, FederationError, SendError},
    store::{Durability, StoreError},
};

use super::{Description, Found, Media, MediaError};

impl Media {
    /// The file of another server's id, from the cache or from there.
    pub(super) async fn find_remote(&self, server: &ServerName, media_id: &str) -> Result<Found, MediaError> {
        let known = {
            let mut db = self.store.read().await?;
            match db.server_sn(server).await? {
                Some(sn) => db.media(sn, media_id).await?,
                None => None,
            }
        };
        if let Some(row) = known.filter(|row| row.file.is_some()) {
            return self.found(row);
        }
        let request = get_content::v1::Request::new(media_id.to_owned());
        let answer =
            self.federation.client.request(server, request, Deadline::Media).await.map_err(|error| match error {
                FederationError::Send(SendError::TooLarge(_)) => MediaError::RemoteTooLarge,
                _ => MediaError::NotFound,
            })?;
        let FileOrLocation::File(content) = answer.content else { return Err(MediaError::NotFound) };
        let filename = content.content_disposition.and_then(|disposition| disposition.filename);
        let description = Description { content_type: content.content_type, filename };
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(content.file))]);
        let (file, size) = self.keep(body).await.map_err(|error| match error {
            MediaError::TooLarge => MediaError::RemoteTooLarge,
            other => other,
        })?;
        let name = server.to_owned();
        let sn = self
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.make_server_sn(&name).await })
            })
            .await?;
        // Two requests at once fetch twice; the first to be done is kept.
        self.enter(sn, media_id.to_owned(), file, size, description, None).await?;
        self.make_room().await?;
        let row = self.store.read().await?.media(sn, media_id).await?.ok_or(MediaError::NotFound)?;
        self.found(row)
    }

    /// Keeps the cache within its size.
    async fn make_room(&self) -> Result<(), MediaError> {
        let most = i64::try_from(self.config.media_cache_size).unwrap_or(i64::MAX);
        let over = self.store.read().await?.remote_media_size().await?.saturating_sub(most);
        if over <= 0 {
            return Ok(());
        }
        let files = self
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.forget_remote_media(over).await })
            })
            .await?;
        for file in files {
            tokio::fs::remove_file(self.folder.join(file)).await.ok();
        }
        Ok(())
    }
}
