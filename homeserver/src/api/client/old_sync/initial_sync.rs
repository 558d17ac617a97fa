//! GET /_matrix/client/v3/initialSync: all of one's rooms with their newest messages and their state.

use axum::{
    Json,
    extract::{Request, State},
};
use bytes::Bytes;
use ruma::api::auth_scheme::AccessToken;
use serde::Deserialize;

use crate::{
    api::{auth::Authenticate, client::sync::viewer, error::ApiError, parts::Parts},
    domain::sync::Initial,
};

/// Messages of a room when the client does not say how many, and at most.
const LIMIT: u32 = 10;
const MOST: u32 = 200;

#[derive(Deserialize)]
struct Query {
    limit: Option<u64>,
    #[serde(default)]
    archived: bool,
}

pub async fn get(State(parts): State<Parts>, request: Request) -> Result<Json<Initial>, ApiError> {
    let (head, _) = request.into_parts();
    let sender = AccessToken::authenticate(&parts, &Request::from_parts(head.clone(), Bytes::new())).await?;
    let Query { limit, archived } = serde_html_form::from_str(head.uri.query().unwrap_or_default())
        .map_err(|error| ApiError::invalid_param(error.to_string()))?;
    let limit = limit.map_or(LIMIT, |limit| u32::try_from(limit).unwrap_or(MOST).min(MOST));
    Ok(Json(parts.sync.initial(&viewer(&sender), limit, archived).await?))
}
