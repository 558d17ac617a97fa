//! Media for other servers: only what lies here, as `multipart/mixed`, streamed from the file.

use axum::{body::Body, extract::Request, response::Response};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, header};
use ruma::api::{
    IncomingRequest, OutgoingResponse as _,
    federation::{
        authenticated_media::{Content, ContentMetadata, FileOrLocation, get_content::v1 as get_content_v1},
        authentication::ServerSignatures,
    },
};
use tokio_util::io::ReaderStream;

use crate::{
    api::{auth::Authenticate as _, client::media::disposition, error::ApiError, parts::Parts},
    domain::media::{Found, MediaError},
};

pub mod get_content;
pub mod get_content_thumbnail;

/// The request of another server, whose signature is checked.
async fn signed<R: IncomingRequest>(parts: &Parts, request: Request, media_id: String) -> Result<R, ApiError> {
    let (head, _) = request.into_parts();
    let request = http::Request::from_parts(head, Bytes::new());
    ServerSignatures::authenticate(parts, &request).await?;
    Ok(R::try_from_http_request(request, &[media_id])?)
}

/// The two parts: no metadata, and the file, which ruma frames and the disk fills in.
async fn answer(found: Found) -> Result<Response, ApiError> {
    let file = tokio::fs::File::open(&found.path).await.map_err(MediaError::Io)?;
    let disposition = disposition(&found, None);
    let content_type = found.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let content = FileOrLocation::File(Content::new(Vec::new(), content_type, disposition));
    let framed = get_content_v1::Response::new(ContentMetadata::new(), content)
        .try_into_http_response::<BytesMut>()
        .map_err(|error| ApiError::internal(&error))?;
    let (mut head, frame) = framed.into_parts();
    let frame = frame.freeze();
    let boundary = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = boundary.and_then(|value| value.rsplit_once("boundary=")).map(|(_, boundary)| boundary);
    let end = format!("\r\n--{}--", boundary.unwrap_or_default());
    let begins = frame.len().saturating_sub(end.len());
    if !frame.ends_with(end.as_bytes()) {
        return Err(ApiError::internal(&std::io::Error::other("a multipart answer is framed in another way")));
    }
    let (begin, end) = (frame.slice(..begins), frame.slice(begins..));
    let length = found.size.saturating_add(frame.len() as u64);
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let body =
        stream::iter([Ok(begin)]).chain(ReaderStream::with_capacity(file, 64 * 1024)).chain(stream::iter([Ok(end)]));
    Ok(Response::from_parts(head, Body::from_stream(body)))
}
