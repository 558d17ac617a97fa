//! The owner's API, `/_hearth/v1`: served on the Unix socket alone, which nobody but the owner can open.

use axum::{
    Router,
    routing::{delete, get, post, put},
};

use super::parts::Parts;

pub mod invites;
pub mod keys;
pub mod peers;
pub mod reports;
pub mod rooms;
pub mod users;

/// The owner's API.
pub fn routes() -> Router<Parts> {
    Router::new()
        .route("/_hearth/v1/users", get(users::list).post(users::add))
        .route("/_hearth/v1/users/{user}/sessions", post(users::sign_in))
        .route("/_hearth/v1/users/{user}/password", put(users::set_password))
        .route("/_hearth/v1/users/{user}/admin", put(users::set_admin))
        .route("/_hearth/v1/users/{user}/locked", put(users::set_locked))
        .route("/_hearth/v1/users/{user}", delete(users::deactivate))
        .route("/_hearth/v1/peers", get(peers::reach).post(peers::add))
        .route("/_hearth/v1/keys", get(keys::list))
        .route("/_hearth/v1/keys/rotate", post(keys::rotate))
        .route("/_hearth/v1/rooms/arriving", get(rooms::arriving))
        .route("/_hearth/v1/rooms/{room}/repair", post(rooms::repair))
        .route("/_hearth/v1/reports", get(reports::list))
        .route("/_hearth/v1/reports/{id}", delete(reports::delete))
        .route("/_hearth/v1/invites", get(invites::list).post(invites::add))
        .route("/_hearth/v1/invites/{token}", delete(invites::delete))
}
