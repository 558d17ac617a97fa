//! /_hearth/v1/keys: the keys that this server signs with.

use std::{io, path::PathBuf, sync::Arc};

use axum::{Extension, Json, extract::State};
use crypto::{
    ServerIdentity,
    name::{NameKind, kind},
};
use serde::Serialize;

use crate::{
    api::{error::ApiError, parts::Parts},
    store::OldOwnKey,
};

/// Where the key in use lies; `None` where the app keeps it.
#[derive(Clone)]
pub struct KeyFile(pub Option<PathBuf>);

/// All keys.
#[derive(Serialize)]
pub struct Keys {
    /// The id of the key in use.
    current: String,
    /// Those of before, the newest first.
    old: Vec<Old>,
}

#[derive(Serialize)]
struct Old {
    key_id: String,
    /// Milliseconds since 1970.
    expired_ts: i64,
}

/// GET: which they are.
pub async fn list(State(parts): State<Parts>) -> Json<Keys> {
    let (identity, old) = parts.federation.keyring.own_keys();
    let old = old.into_iter().map(|OldOwnKey { key_id, expired_ts, .. }| Old { key_id, expired_ts }).collect();
    Json(Keys { current: identity.key_id().to_string(), old })
}

/// POST: signs with a new one from now on.
pub async fn rotate(State(parts): State<Parts>, file: Option<Extension<KeyFile>>) -> Result<Json<Keys>, ApiError> {
    if kind(&parts.server_name) != NameKind::Ordinary {
        return Err(ApiError::invalid_param(
            "This server's name is its key: with another key it would be another server",
        ));
    }
    let Some(Extension(KeyFile(Some(path)))) = file else {
        return Err(ApiError::invalid_param("The app keeps this server's key, so only the app can replace it"));
    };
    let new = Arc::new(ServerIdentity::generate_for_domain().map_err(|error| ApiError::internal(&error))?);
    let line = new.to_line();
    let written = tokio::task::spawn_blocking(move || crypto::files::write(&path, line.as_bytes())).await;
    written.map_err(io::Error::other).flatten().map_err(|error| ApiError::internal(&error))?;
    parts.federation.keyring.replace_own_key(new).await?;
    Ok(list(State(parts)).await)
}
