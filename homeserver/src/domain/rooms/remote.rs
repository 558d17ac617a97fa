//! Rooms that this server is not in: what other servers must help with.

use ruma::{CanonicalJsonObject, OwnedServerName, RoomId, UserId};

use crate::store::LocalMembership;

use super::{MembershipChange, Rooms, RoomsError, send::LocalUser};

impl Rooms {
    pub(super) async fn invite_remote(
        &self,
        _by: &LocalUser,
        _room_id: &RoomId,
        user_id: &UserId,
        _change: MembershipChange,
    ) -> Result<(), RoomsError> {
        Err(RoomsError::Forbidden(format!("{} cannot be reached", user_id.server_name())))
    }

    pub(super) async fn join_remote(
        &self,
        _user: &LocalUser,
        _room_id: &RoomId,
        _servers: &[OwnedServerName],
        _reason: Option<String>,
        _more: CanonicalJsonObject,
    ) -> Result<(), RoomsError> {
        Err(RoomsError::UnknownRoom)
    }

    pub(super) async fn leave_remote(
        &self,
        _user: &LocalUser,
        _room_id: &RoomId,
        _membership: &LocalMembership,
        _reason: Option<String>,
    ) -> Result<(), RoomsError> {
        Err(RoomsError::UnknownRoom)
    }
}
