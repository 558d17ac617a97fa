//! The Server-Server API, a file for each endpoint.

pub mod backfill;
pub mod event;
pub mod event_auth;
pub mod get_missing_events;
pub mod hierarchy;
pub mod invite;
pub mod key;
pub mod make_join;
pub mod make_knock;
pub mod make_leave;
pub mod media;
pub mod openid_userinfo;
pub mod public_rooms;
pub mod query_directory;
pub mod query_profile;
pub mod send;
pub mod send_join;
pub mod send_knock;
pub mod send_leave;
pub mod state;
pub mod state_ids;
pub mod third_party;
pub mod timestamp_to_event;
pub mod user;
pub mod version;

use ruma::{
    RoomVersionId,
    api::error::{ErrorKind, IncompatibleRoomVersionErrorData},
};

use super::error::ApiError;

/// The other server does not know the room's version, or we do not.
fn incompatible_version(version: &RoomVersionId) -> ApiError {
    let kind = ErrorKind::IncompatibleRoomVersion(IncompatibleRoomVersionErrorData::new(version.clone()));
    ApiError::new(kind, format!("Room version {version} is not supported on both sides"))
}
