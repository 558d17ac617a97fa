//! Synapse's admin API, as far as tools rely on it: for administrators' tokens, and for the owner on the socket.

use axum::{
    Router,
    extract::{FromRequest, FromRequestParts, Request},
    routing::{delete, get, post},
};
use bytes::Bytes;
use http::{header, request};
use ruma::{
    OwnedRoomId,
    api::{auth_scheme::AccessToken, error::FromHttpRequestError},
};
use serde::de::DeserializeOwned;

use crate::store::AccountRow;

use super::{
    auth::{Authenticate, Sender},
    error::ApiError,
    parts::Parts,
    peer::is_owner,
    ruma_route::read_body,
};

pub mod block_room;
pub mod deactivate;
pub mod delete_room;
pub mod event_reports;
pub mod purge_history;
pub mod purge_media_cache;
pub mod register;
pub mod reset_password;
pub mod rooms;
pub mod server_version;
pub mod users;

/// The largest body.
const BODY: usize = 64 * 1024;
/// Most rows of a page.
const LIMIT: u32 = 1000;

/// The admin API.
pub fn routes() -> Router<Parts> {
    Router::new()
        .route("/_synapse/admin/v1/register", get(register::nonce).post(register::register))
        .route("/_synapse/admin/v1/server_version", get(server_version::get))
        .route("/_synapse/admin/v2/users", get(users::list))
        .route("/_synapse/admin/v2/users/{user}", get(users::get).put(users::put))
        .route("/_synapse/admin/v1/deactivate/{user}", post(deactivate::post))
        .route("/_synapse/admin/v1/reset_password/{user}", post(reset_password::post))
        .route("/_synapse/admin/v1/rooms", get(rooms::list))
        .route("/_synapse/admin/v1/rooms/{room}", get(rooms::get))
        .route("/_synapse/admin/v1/rooms/{room}/members", get(rooms::members))
        .route("/_synapse/admin/v1/rooms/{room}/block", get(block_room::get).put(block_room::put))
        .route("/_synapse/admin/v2/rooms/{room}", delete(delete_room::delete))
        .route("/_synapse/admin/v2/rooms/{room}/delete_status", get(delete_room::statuses))
        .route("/_synapse/admin/v2/rooms/delete_status/{id}", get(delete_room::status))
        .route("/_synapse/admin/v1/purge_history/{room}", post(purge_history::post))
        .route("/_synapse/admin/v1/purge_history/{room}/{event}", post(purge_history::post_event))
        .route("/_synapse/admin/v1/purge_history_status/{id}", get(purge_history::status))
        .route("/_synapse/admin/v1/event_reports", get(event_reports::list))
        .route("/_synapse/admin/v1/event_reports/{id}", get(event_reports::get).delete(event_reports::delete))
        .route("/_synapse/admin/v1/purge_media_cache", post(purge_media_cache::post))
}

/// Who administers: an administrator by their token; `None`: the owner, on the socket without one.
pub struct Administrator(pub Option<Sender>);

impl Administrator {
    /// The administrator's user id.
    fn name(&self) -> Option<String> {
        self.0.as_ref().map(|sender| sender.user_id.to_string())
    }
}

impl FromRequestParts<Parts> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(head: &mut request::Parts, parts: &Parts) -> Result<Self, ApiError> {
        if is_owner(&head.extensions) && !head.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        let request = http::Request::from_parts(head.clone(), Bytes::new());
        let sender = AccessToken::authenticate(parts, &request).await?;
        if !sender.admin {
            return Err(ApiError::forbidden("You are not an administrator of this server"));
        }
        Ok(Self(Some(sender)))
    }
}

/// A query, read strictly.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Parts> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(head: &mut request::Parts, _: &Parts) -> Result<Self, ApiError> {
        let query = serde_html_form::from_str(head.uri.query().unwrap_or_default());
        query.map(Self).map_err(|error| ApiError::invalid_param(error.to_string()))
    }
}

/// A JSON body; an empty one is an empty object.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Parts> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Parts) -> Result<Self, ApiError> {
        let body = read_body(request.into_body(), BODY).await?;
        let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
        serde_json::from_slice(&body).map(Self).map_err(|error| FromHttpRequestError::from(error).into())
    }
}

/// The account of a user id of this server.
async fn account(parts: &Parts, user: &str) -> Result<AccountRow, ApiError> {
    if let Ok(user_id) = ruma::UserId::parse(user)
        && !parts.accounts.is_local(&user_id)
    {
        return Err(ApiError::invalid_param("The user is of another server"));
    }
    parts.accounts.find(user).await?.ok_or_else(|| ApiError::not_found("There is no such account"))
}

fn room_id(room: String) -> Result<OwnedRoomId, ApiError> {
    OwnedRoomId::try_from(room).map_err(|_| ApiError::invalid_param("This is not a room id"))
}
