//! The owner's API asked by the subcommands, over the socket of a served folder.

use std::path::Path;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

const ANSWER_MAX: usize = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    #[error("nobody serves this folder")]
    NotServed(#[source] std::io::Error),
    #[error("the server did not answer")]
    Exchange(#[source] hyper::Error),
    #[error("the server's answer cannot be read")]
    Answer,
    /// In the server's words.
    #[error("{0}")]
    Refused(String),
}

/// POSTs to the owner's API of the server that serves `folder`.
pub async fn ask_owner(folder: &Path, path: &str, body: &Value) -> Result<Value, OwnerError> {
    let stream = UnixStream::connect(folder.join(crate::SOCKET)).await.map_err(OwnerError::NotServed)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(OwnerError::Exchange)?;
    let connection = tokio::spawn(connection);
    let request = Request::post(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|_| OwnerError::Answer)?;
    let response = sender.send_request(request).await.map_err(OwnerError::Exchange)?;
    let status = response.status();
    let bytes = Limited::new(response.into_body(), ANSWER_MAX).collect().await.map_err(|_| OwnerError::Answer)?;
    connection.abort();
    let answer: Value = serde_json::from_slice(&bytes.to_bytes()).map_err(|_| OwnerError::Answer)?;
    if status.is_success() {
        return Ok(answer);
    }
    let words = answer.get("error").and_then(Value::as_str).unwrap_or("the server refused");
    Err(OwnerError::Refused(words.to_owned()))
}
