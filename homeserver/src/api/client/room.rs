//! Rooms: making them, sending into them, reading them.

pub mod aliases;
pub mod create_room;
pub mod filter;
pub mod get_context;
pub mod get_event_by_timestamp;
pub mod get_hierarchy;
pub mod get_message_events;
pub mod get_room_event;
pub mod get_summary;
pub mod initial_sync;
pub mod redact_event;
pub mod send_message_event;
pub mod upgrade_room;
pub mod visibility;

use ruma::{
    OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName, RoomId, room_version_rules::RoomVersionRules, serde::Raw,
};
use serde_json::value::RawValue;

use crate::{
    api::{auth::Sender, error::ApiError},
    domain::{
        events::versions,
        rooms::{Rooms, RoomsError, Viewer},
    },
    store::{Position, RoomRow, StoredEvent},
};

/// Bytes of the longest transaction id.
pub(super) const TXN_ID: usize = 255;
/// Most servers that are tried.
const VIA: usize = 20;

/// The room, and servers that may be in it: those that the client names and those that the alias's server does.
pub(super) async fn by_id_or_alias(
    rooms: &Rooms,
    room: &OwnedRoomOrAliasId,
    via: &[OwnedServerName],
) -> Result<(OwnedRoomId, Vec<OwnedServerName>), ApiError> {
    let mut via: Vec<OwnedServerName> = via.iter().take(VIA).cloned().collect();
    match OwnedRoomId::try_from(room.clone()) {
        Ok(room_id) => Ok((room_id, via)),
        Err(alias) => {
            let (room_id, servers) = rooms.resolve_alias(&alias).await?;
            via.extend(servers.into_iter().take(VIA));
            Ok((room_id, via))
        }
    }
}

/// A room that the sender may read, with its version's rules.
pub(super) async fn readable(
    rooms: &Rooms,
    sender: &Sender,
    room_id: &RoomId,
) -> Result<(RoomRow, RoomVersionRules), ApiError> {
    let room = rooms.readable(sender.user, room_id).await?;
    let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
    Ok((room, rules))
}

/// Events as the sender's device sees them.
pub(super) async fn show<T>(
    rooms: &Rooms,
    sender: &Sender,
    now_ms: i64,
    room_id: &OwnedRoomId,
    rules: &RoomVersionRules,
    events: &[StoredEvent],
) -> Result<Vec<Raw<T>>, ApiError> {
    let viewer = Viewer { user: sender.user, user_id: &sender.user_id, device_id: Some(&sender.device_id), now_ms };
    let mut db = rooms.store().read().await?;
    let shown: Vec<Box<RawValue>> = viewer.show(&mut db, events, Some(room_id), rules).await?;
    Ok(shown.into_iter().map(Raw::from_json).collect())
}

/// A token of `/sync` or `/messages`: a position.
pub(super) fn token(text: &str) -> Result<Position, ApiError> {
    // A token of `/sync` may carry more after the position.
    let number = text.split('_').next().unwrap_or_default();
    number.parse().map(Position).map_err(|_| ApiError::invalid_param("This token is not one of ours"))
}
