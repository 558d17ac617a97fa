//! Previews of pages: what a page says of itself, and its picture in our own media.

mod charset;
mod page;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use image::ImageReader;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::Url;

use crate::{
    domain::web::{WebAnswer, WebLimits},
    store::{Durability, ServerSn, StoreError, UrlPreview},
};

use super::{Description, Media, MediaError, random_token};

/// How long a preview is answered again.
const FRESH_MS: i64 = 3600 * 1000;
/// Pages that are fetched at once.
const AT_ONCE: usize = 4;
/// For a page and its picture together, redirects included.
const DEADLINE: Duration = Duration::from_secs(30);
const ONE_EXCHANGE: Duration = Duration::from_secs(15);
const REDIRECTS: usize = 5;
const LONGEST_URL: usize = 4096;
/// Bytes of a page that are read: what previews need stands at its top.
const PAGE: u64 = 1 << 20;
const PICTURE: u64 = 10 << 20;
const AGENT: &str = "Mozilla/5.0 (compatible; Hearth; link preview)";

/// A few previews are made at a time.
#[derive(Clone)]
pub(super) struct Previews(Arc<Semaphore>);

impl Default for Previews {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// What was fetched, and from where in the end.
struct Fetched {
    url: Url,
    headers: HeaderMap,
    answer: WebAnswer,
}

impl Media {
    /// What a page says of itself: JSON in the names of OpenGraph, `og:image` as one of our own media.
    pub async fn preview(&self, url: &str) -> Result<Box<serde_json::value::RawValue>, MediaError> {
        if !self.config.url_previews {
            return Err(MediaError::NoPreviews);
        }
        let url = address(url)?;
        if let Some(known) = self.known_preview(&url).await? {
            return Ok(known);
        }
        let _turn = self.previews.0.acquire().await.map_err(|_| MediaError::NoPreviews)?;
        if let Some(known) = self.known_preview(&url).await? {
            return Ok(known);
        }
        let made = tokio::time::timeout(DEADLINE, self.make_preview(url.clone())).await;
        let preview = made.map_err(|_| MediaError::Unreachable("it takes too long".to_owned()))??;
        let kept = preview.clone();
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.put_url_preview(url.as_str(), &kept).await })
            })
            .await?;
        self.make_room().await?;
        raw(preview.preview)
    }

    async fn known_preview(&self, url: &Url) -> Result<Option<Box<serde_json::value::RawValue>>, MediaError> {
        let since = self.clock.now_ms() - FRESH_MS;
        let known = self.store.read().await?.url_preview(url.as_str(), since).await?;
        known.map(|known| raw(known.preview)).transpose()
    }

    async fn make_preview(&self, url: Url) -> Result<UrlPreview, MediaError> {
        let fetched = self.fetch(url).await?;
        let mut preview = Map::new();
        let kind = kind_of(&fetched.headers);
        let media_id = if is_page(&kind) {
            let text = charset::decode(fetched.answer.response.body(), fetched.headers.get(header::CONTENT_TYPE));
            let page = page::read(&text);
            preview = page.properties();
            match page.picture().and_then(|picture| fetched.url.join(&picture).ok()) {
                Some(picture) => match self.fetch(picture).await {
                    Ok(picture) => self.keep_picture(&picture, &mut preview).await?,
                    Err(_) => None,
                },
                None => None,
            }
        } else if kind.starts_with("image/") {
            self.keep_picture(&fetched, &mut preview).await?
        } else {
            None
        };
        Ok(UrlPreview { preview: Value::Object(preview).to_string(), media_id })
    }

    /// Takes a picture into our media and describes it; nothing of what is no picture.
    async fn keep_picture(
        &self,
        fetched: &Fetched,
        preview: &mut Map<String, Value>,
    ) -> Result<Option<String>, MediaError> {
        let bytes = fetched.answer.response.body().clone();
        if !fetched.answer.whole {
            return Ok(None);
        }
        let Some((mime, width, height)) = measure(&bytes) else { return Ok(None) };
        let length = bytes.len();
        let description = Description { content_type: Some(mime.to_owned()), filename: None };
        let media_id = random_token(&mut rand::rng());
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
        let (file, size) = match self.keep(body).await {
            Err(MediaError::TooLarge) => return Ok(None),
            kept => kept?,
        };
        self.enter(ServerSn::OURS, media_id.clone(), file, size, description, None).await?;
        preview.insert("og:image".to_owned(), format!("mxc://{}/{media_id}", self.server_name).into());
        preview.insert("og:image:type".to_owned(), mime.into());
        preview.insert("og:image:width".to_owned(), width.into());
        preview.insert("og:image:height".to_owned(), height.into());
        preview.insert("matrix:image:size".to_owned(), length.into());
        Ok(Some(media_id))
    }

    /// GETs a page or a picture, following redirects; each of them is looked at like the first address.
    async fn fetch(&self, mut url: Url) -> Result<Fetched, MediaError> {
        let unreachable = |reason: &str| MediaError::Unreachable(reason.to_owned());
        for _ in 0..=REDIRECTS {
            url = address(url.as_str())?;
            let request = Request::get(url.as_str())
                .header(header::USER_AGENT, AGENT)
                .header(header::ACCEPT, "text/html, application/xhtml+xml, image/*;q=0.9, */*;q=0.1")
                .header(header::ACCEPT_ENCODING, "identity")
                .body(Bytes::new())
                .map_err(|_| MediaError::NotAPage)?;
            let limits = WebLimits { deadline: ONE_EXCHANGE, body: most };
            let answer = self.web.send(request, limits).await.map_err(|error| unreachable(&error.to_string()))?;
            let (status, headers) = (answer.response.status(), answer.response.headers().clone());
            if status.is_redirection()
                && status != StatusCode::NOT_MODIFIED
                && let Some(next) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok())
            {
                url = url.join(next).map_err(|_| unreachable("it leads nowhere"))?;
                continue;
            }
            if !status.is_success() {
                return Err(unreachable(status.as_str()));
            }
            return Ok(Fetched { url, headers, answer });
        }
        Err(unreachable("there are too many redirects"))
    }
}

/// A page's address: of the web, without a name or a password in it.
fn address(text: &str) -> Result<Url, MediaError> {
    let mut url = Url::parse(text).map_err(|_| MediaError::NotAPage)?;
    let of_the_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if !of_the_web || !url.username().is_empty() || url.password().is_some() || url.as_str().len() > LONGEST_URL {
        return Err(MediaError::NotAPage);
    }
    url.set_fragment(None);
    Ok(url)
}

/// Bytes that are read of an answer.
fn most(headers: &HeaderMap) -> u64 {
    let kind = kind_of(headers);
    if is_page(&kind) {
        PAGE
    } else if kind.starts_with("image/") {
        PICTURE
    } else {
        0
    }
}

fn kind_of(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str).and_then(Result::ok).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_page(kind: &str) -> bool {
    matches!(kind, "text/html" | "application/xhtml+xml")
}

/// Format and size of a picture that our users' clients can show.
fn measure(bytes: &[u8]) -> Option<(&'static str, u32, u32)> {
    let reader = ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().ok()?;
    let mime = reader.format()?.to_mime_type();
    let (width, height) = reader.into_dimensions().ok()?;
    Some((mime, width, height))
}

fn raw(json: String) -> Result<Box<serde_json::value::RawValue>, MediaError> {
    serde_json::value::RawValue::from_string(json).map_err(|_| StoreError::Damaged("a preview").into())
}
