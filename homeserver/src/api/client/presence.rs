//! Presence.

pub mod get_presence;
pub mod set_presence;

use ruma::presence::PresenceState;

use crate::api::error::ApiError;

/// The specification knows three words.
pub(super) fn known(state: &PresenceState) -> Result<(), ApiError> {
    match state {
        PresenceState::Online | PresenceState::Offline | PresenceState::Unavailable => Ok(()),
        _ => Err(ApiError::invalid_param("Presence is online, offline or unavailable")),
    }
}
