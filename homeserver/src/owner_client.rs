//! What the owner asks from a terminal: over the socket of a served folder, else of the folder itself.

use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::start::{Offline, StartError};

const ANSWER_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    #[error(transparent)]
    Open(#[from] StartError),
    #[error("the server did not answer")]
    Exchange(#[source] hyper::Error),
    #[error("the server's answer cannot be read")]
    Answer,
    /// In the server's words.
    #[error("{0}")]
    Refused(String),
}

/// Who answers for a folder.
pub enum Owner {
    /// The server that serves it.
    Served(std::path::PathBuf),
    /// Nobody serves it: it is ours until this is closed.
    Opened(Box<Offline>),
}

impl Owner {
    /// Finds out whether the folder is served, and opens it when not.
    pub async fn of(folder: &Path) -> Result<Self, OwnerError> {
        let socket = folder.join(crate::SOCKET);
        match UnixStream::connect(&socket).await {
            Ok(_) => Ok(Self::Served(socket)),
            Err(_) => Ok(Self::Opened(Box::new(Offline::open(folder).await?))),
        }
    }

    /// Asks the owner's API, or the administrators', which the owner needs no token for.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, OwnerError> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .map_err(|_| OwnerError::Answer)?;
        let response = match self {
            Self::Served(socket) => over(socket, request).await?,
            Self::Opened(offline) => offline.ask(request).await.map_err(|_| OwnerError::Answer)?,
        };
        let answer: Value = serde_json::from_slice(response.body()).map_err(|_| OwnerError::Answer)?;
        if response.status().is_success() {
            return Ok(answer);
        }
        let words = answer.get("error").and_then(Value::as_str).unwrap_or("the server refused");
        Err(OwnerError::Refused(words.to_owned()))
    }

    /// Lets the folder go, everything written.
    pub async fn close(self) {
        if let Self::Opened(offline) = self {
            offline.close().await;
        }
    }
}

async fn over(socket: &Path, request: Request<Bytes>) -> Result<Response<Bytes>, OwnerError> {
    let stream = UnixStream::connect(socket).await.map_err(|_| OwnerError::Answer)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(OwnerError::Exchange)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request.map(Full::new)).await.map_err(OwnerError::Exchange)?;
    let (head, body) = response.into_parts();
    let bytes = Limited::new(body, ANSWER_MAX).collect().await.map_err(|_| OwnerError::Answer)?;
    connection.abort();
    Ok(Response::from_parts(head, bytes.to_bytes()))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::{Owner, OwnerError};
    use crate::{
        config::{Config, ServerNameChoice},
        start::{StartError, start},
    };

    #[tokio::test]
    async fn a_folder_answers_its_owner_served_or_not() -> anyhow::Result<()> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let nobody = Owner::of(&data).await;
        assert!(matches!(nobody, Err(OwnerError::Open(StartError::NoServer(_)))));

        let server_name = ServerNameChoice::Name("one.example".to_owned());
        let server = start(Config { data: data.clone(), server_name, ..Config::default() }, None).await?;
        let owner = Owner::of(&data).await?;
        assert!(matches!(owner, Owner::Served(_)));
        let new = json!({ "name": "alice", "password": "secret", "inhibit_login": true });
        owner.ask(Method::POST, "/_hearth/v1/users", Some(&new)).await?;
        let listed = owner.ask(Method::GET, "/_synapse/admin/v2/users", None).await?;
        assert_eq!(listed["users"][0]["name"], "@alice:one.example");
        server.shutdown().await;

        let owner = Owner::of(&data).await?;
        assert!(matches!(owner, Owner::Opened(_)));
        let listed = owner.ask(Method::GET, "/_synapse/admin/v2/users", None).await?;
        assert_eq!(listed["total"], 1);
        assert!(Owner::of(&data).await.is_err(), "the folder is held");
        let refused = owner.ask(Method::GET, "/_synapse/admin/v2/users/bob", None).await;
        assert!(matches!(refused, Err(OwnerError::Refused(words)) if words.contains("no such account")));
        owner.ask(Method::POST, "/_synapse/admin/v1/deactivate/alice", Some(&json!({}))).await?;
        owner.close().await;

        let owner = Owner::of(&data).await?;
        let alice = owner.ask(Method::GET, "/_synapse/admin/v2/users/alice", None).await?;
        assert_eq!(alice["deactivated"], true);
        owner.close().await;
        std::fs::remove_file(data.join("signing.key"))?;
        assert!(matches!(Owner::of(&data).await, Err(OwnerError::Open(StartError::NoKey(_)))));
        Ok(())
    }
}
