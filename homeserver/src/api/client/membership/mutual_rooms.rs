//! GET /_matrix/client/v1/mutual_rooms: the rooms that the user shares with another user.
//!
//! ruma has the type of an early draft alone, so that the parameters are read here.

use axum::{
    Json,
    extract::{Request, State},
};
use ruma::UserId;
use serde::{Deserialize, Serialize};

use crate::{
    api::{auth::visitor, error::ApiError, parts::Parts},
    domain::accounts::Limit,
    store::RoomSn,
};

/// Rooms of one answer.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Query {
    user_id: Option<String>,
    #[serde(alias = "batch_token")]
    from: Option<String>,
}

#[derive(Default, Serialize)]
pub struct MutualRooms {
    joined: Vec<String>,
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<String>,
    /// The draft's name of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch_token: Option<String>,
}

pub async fn get(State(parts): State<Parts>, request: Request) -> Result<Json<MutualRooms>, ApiError> {
    let (head, _) = request.into_parts();
    let sender = visitor(&parts, &head).await?.ok_or_else(ApiError::missing_token)?;
    sender.take(&parts.accounts, "mutual", Limit::LOOK_UP)?;
    let query: Query = serde_html_form::from_str(head.uri.query().unwrap_or_default())
        .map_err(|error| ApiError::invalid_param(error.to_string()))?;
    let user_id = query.user_id.ok_or_else(|| ApiError::missing_param("`user_id` is missing"))?;
    let other = UserId::parse(user_id).map_err(|_| ApiError::invalid_param("`user_id` is no user id"))?;
    if other.validate_strict().is_err() || other == sender.user_id {
        return Err(ApiError::invalid_param("`user_id` is the id of another user, in the form of today"));
    }
    let after = match query.from {
        Some(token) => token
            .strip_prefix('m')
            .and_then(|room| room.parse().ok())
            .map(RoomSn)
            .ok_or_else(|| ApiError::invalid_param("`from` is not a token of ours"))?,
        None => RoomSn(0),
    };
    let mut db = parts.store.read().await?;
    let Some(other) = db.user_sn(&other).await? else { return Ok(Json(MutualRooms::default())) };
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rooms = db.mutual_rooms(sender.user, other, after, limit).await?;
    let more = rooms.len() > PAGE;
    rooms.truncate(PAGE);
    let next = rooms.last().filter(|_| more).map(|(room, _)| format!("m{}", room.0));
    Ok(Json(MutualRooms {
        joined: rooms.into_iter().map(|(_, room_id)| room_id.to_string()).collect(),
        count: db.mutual_room_count(sender.user, other).await?,
        next_batch: next.clone(),
        next_batch_token: next,
    }))
}
