//! Media of other servers: fetched when asked for, kept as a cache.

use std::{str::FromStr as _, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use ruma::{
    ServerName,
    api::{
        error::ErrorKind,
        federation::authenticated_media::{FileOrLocation, get_content},
    },
    http_headers::ContentDisposition,
};

use crate::{
    domain::{
        federation::{Deadline, FederationError, SendError},
        web::WebLimits,
    },
    store::{Durability, StoreError},
};

use super::{Description, Found, LONGEST_WAIT, Media, MediaError};

/// Files fetched at the same time.
pub(super) const AT_ONCE: usize = 4;
/// Bytes of a file that another server keeps elsewhere.
const LARGEST_AT_LOCATION: u64 = 512 << 20;

impl Media {
    /// The file of another server's id, from the cache or from there.
    pub(super) async fn find_remote(
        &self,
        server: &ServerName,
        media_id: &str,
        wait: Duration,
    ) -> Result<Found, MediaError> {
        let known = {
            let mut db = self.store.read().await?;
            match db.server_sn(server).await? {
                Some(sn) => db.media(sn, media_id).await?.map(|row| (sn, row)),
                None => None,
            }
        };
        if let Some((sn, row)) = known.filter(|(_, row)| row.file.is_some()) {
            self.used(sn, media_id, &row).await?;
            return self.found(row);
        }
        let _place = self.fetches.acquire().await.map_err(|_| MediaError::NotFound)?;
        let mut request = get_content::v1::Request::new(media_id.to_owned());
        request.timeout_ms = wait.min(LONGEST_WAIT);
        let content = match self.federation.client.request(server, request, Deadline::Media).await {
            Ok(answer) => Some(answer.content),
            Err(error) if error.is_unrecognized() => None,
            Err(error) => return Err(why(&error)),
        };
        let (description, bytes) = match content {
            Some(FileOrLocation::File(content)) => {
                let filename = content.content_disposition.and_then(|disposition| disposition.filename);
                (Description { content_type: content.content_type, filename }, Bytes::from(content.file))
            }
            Some(FileOrLocation::Location(location)) => self.fetch_location(&location).await?,
            Some(_) => return Err(MediaError::NotFound),
            None => self.fetch_of_old(server, media_id, wait).await?,
        };
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
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

    /// A file of a server that knows only how media was fetched before it was for members alone.
    async fn fetch_of_old(
        &self,
        server: &ServerName,
        media_id: &str,
        wait: Duration,
    ) -> Result<(Description, Bytes), MediaError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !media_id.bytes().all(plain) {
            return Err(MediaError::NotFound);
        }
        let wait = wait.min(LONGEST_WAIT).as_millis();
        let path = format!("/_matrix/media/v3/download/{server}/{media_id}?allow_remote=false&timeout_ms={wait}");
        let answer = self.federation.client.get(server, &path, Deadline::Media).await.map_err(|error| why(&error))?;
        let (head, body) = answer.into_parts();
        Ok((described(&head), body))
    }

    /// A file that its server keeps elsewhere on the web.
    async fn fetch_location(&self, location: &str) -> Result<(Description, Bytes), MediaError> {
        let request = Request::get(location).body(Bytes::new()).map_err(|_| MediaError::NotFound)?;
        if request.uri().scheme_str() != Some("https") {
            return Err(MediaError::NotFound);
        }
        let limits = WebLimits { deadline: Duration::from_secs(300), body: |_| LARGEST_AT_LOCATION };
        let answer = self.web.send(request, limits).await.map_err(|_| MediaError::NotFound)?;
        if !answer.whole {
            return Err(MediaError::RemoteTooLarge);
        }
        if !answer.response.status().is_success() {
            return Err(MediaError::NotFound);
        }
        let (head, body) = answer.response.into_parts();
        Ok((described(&head), body))
    }
}

fn described(head: &http::response::Parts) -> Description {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let disposition = text(header::CONTENT_DISPOSITION).and_then(|value| ContentDisposition::from_str(value).ok());
    Description {
        content_type: text(header::CONTENT_TYPE).map(str::to_owned),
        filename: disposition.and_then(|disposition| disposition.filename),
    }
}

fn why(error: &FederationError) -> MediaError {
    match error {
        FederationError::Send(SendError::TooLarge(_)) => MediaError::RemoteTooLarge,
        other => match other.kind() {
            Some(ErrorKind::NotYetUploaded) => MediaError::NotYetUploaded,
            Some(ErrorKind::TooLarge) => MediaError::RemoteTooLarge,
            _ => MediaError::NotFound,
        },
    }
}
