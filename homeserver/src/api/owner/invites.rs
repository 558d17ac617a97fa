//! /_hearth/v1/invites: tokens with which people make their own accounts here.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use crate::{
    api::{error::ApiError, parts::Parts},
    store::RegistrationToken,
};

use super::users::{Done, read};

/// An invite token.
#[derive(Serialize)]
pub struct Invite {
    token: String,
    uses_allowed: Option<i64>,
    uses: i64,
    /// Milliseconds since 1970.
    expires_ts: Option<i64>,
}

#[derive(Serialize)]
pub struct Invites {
    invites: Vec<Invite>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewInvite {
    /// Absent: any number of times.
    uses_allowed: Option<u32>,
    expires_ts: Option<i64>,
}

/// GET /_hearth/v1/invites: all of them.
pub async fn list(State(parts): State<Parts>) -> Result<Json<Invites>, ApiError> {
    let invites = parts.accounts.invites().await?.into_iter().map(to_invite).collect();
    Ok(Json(Invites { invites }))
}

/// POST /_hearth/v1/invites: makes one.
pub async fn add(State(parts): State<Parts>, body: Bytes) -> Result<Json<Invite>, ApiError> {
    let new: NewInvite = if body.is_empty() { NewInvite::default() } else { read(&body)? };
    let made = parts.accounts.add_invite(new.uses_allowed, new.expires_ts).await?;
    Ok(Json(to_invite(made)))
}

/// DELETE /_hearth/v1/invites/{token}: takes one back.
pub async fn delete(State(parts): State<Parts>, Path(token): Path<String>) -> Result<Json<Done>, ApiError> {
    if parts.accounts.delete_invite(token).await? {
        Ok(Json(Done {}))
    } else {
        Err(ApiError::not_found("There is no such invite"))
    }
}

fn to_invite(row: RegistrationToken) -> Invite {
    let RegistrationToken { token, uses_allowed, uses, expires_ts } = row;
    Invite { token, uses_allowed, uses, expires_ts }
}
