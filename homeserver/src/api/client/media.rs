//! Media: uploads, downloads, thumbnails. Bodies are streamed, so these endpoints read requests themselves.

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header, request};
use ruma::{
    OwnedServerName, ServerName,
    api::auth_scheme::AccessToken,
    http_headers::{ContentDisposition, ContentDispositionType},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio_util::io::ReaderStream;

use crate::{
    api::{
        auth::{Authenticate, Sender},
        error::ApiError,
        parts::Parts,
    },
    domain::media::{Description, Found, MediaError},
};

pub mod config;
pub mod create;
pub mod download;
pub mod preview;
pub mod thumbnail;
pub mod upload;

/// What a browser may show inside a page; everything else is downloaded.
const INLINE: [&str; 26] = [
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];
/// Media runs nothing and loads nothing, whatever it says it is.
const POLICY: &str = "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; \
                      media-src 'self'; object-src 'self';";
/// The longest file name and content type, in bytes.
const LONGEST_NAME: usize = 255;

/// Who asks; the request counts against what they may ask.
async fn sender(parts: &Parts, head: &request::Parts) -> Result<Sender, ApiError> {
    let sender = AccessToken::authenticate(parts, &http::Request::from_parts(head.clone(), Bytes::new())).await?;
    if let Some(key) = AccessToken::counted_as(&sender, &head.extensions) {
        parts.accounts.count_request(&key)?;
    }
    Ok(sender)
}

fn query<T: DeserializeOwned>(head: &request::Parts) -> Result<T, ApiError> {
    serde_html_form::from_str(head.uri.query().unwrap_or_default()).map_err(|error| {
        let message = error.to_string();
        if message.contains("missing field") {
            ApiError::missing_param(message)
        } else {
            ApiError::invalid_param(message)
        }
    })
}

fn server_name(name: &str) -> Result<OwnedServerName, ApiError> {
    ServerName::parse(name).map_err(|_| ApiError::invalid_param("This is not a server name"))
}

/// How an upload is described, from its headers and query; refuses what says that it is too large.
fn describe(parts: &Parts, request: &Request) -> Result<Description, ApiError> {
    #[derive(Deserialize)]
    struct Query {
        filename: Option<String>,
    }
    let Query { filename } = serde_html_form::from_str(request.uri().query().unwrap_or_default())
        .map_err(|error| ApiError::invalid_param(error.to_string()))?;
    let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::CONTENT_LENGTH)
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| length > parts.media.largest())
    {
        return Err(MediaError::TooLarge.into());
    }
    if filename.as_ref().is_some_and(|name| name.len() > LONGEST_NAME) {
        return Err(ApiError::invalid_param("A file name has at most 255 bytes"));
    }
    let content_type = text(header::CONTENT_TYPE).filter(|value| value.len() <= LONGEST_NAME).map(str::to_owned);
    Ok(Description { content_type, filename })
}

/// Streams a file, with headers that keep a browser from running it.
async fn answer(found: Found, filename: Option<String>) -> Result<Response, ApiError> {
    let file = tokio::fs::File::open(&found.path).await.map_err(MediaError::Io)?;
    let disposition = disposition(&found, filename).to_string();
    let content_type = found.content_type.and_then(|value| HeaderValue::try_from(value).ok());
    let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(found.size));
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    Ok(response)
}

/// How a file is to be shown, and under which name.
pub(in crate::api) fn disposition(found: &Found, filename: Option<String>) -> ContentDisposition {
    let essence = found.content_type.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let kind = if INLINE.contains(&essence.as_str()) {
        ContentDispositionType::Inline
    } else {
        ContentDispositionType::Attachment
    };
    ContentDisposition::new(kind).with_filename(filename.or_else(|| found.filename.clone()))
}
