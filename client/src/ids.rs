//! Identifiers that come as text from outside, checked.

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use crate::{ClientError, Result};

pub(crate) fn room_id(text: &str) -> Result<OwnedRoomId> {
    text.try_into().map_err(|_| ClientError::Invalid("that is not a room id"))
}

pub(crate) fn user_id(text: &str) -> Result<OwnedUserId> {
    text.try_into().map_err(|_| ClientError::Invalid("that is not a Matrix address like @name:server"))
}

pub(crate) fn event_id(text: &str) -> Result<OwnedEventId> {
    text.try_into().map_err(|_| ClientError::Invalid("that is not an event id"))
}
