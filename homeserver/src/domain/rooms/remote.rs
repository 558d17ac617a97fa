//! Rooms that this server is not in: what other servers must help with.

use ruma::{CanonicalJsonObject, OwnedRoomId, OwnedServerName, RoomAliasId, RoomId, UserId};

use crate::store::{LocalMembership, RoomRow};

use super::{MembershipChange, Page, Rooms, RoomsError, send::LocalUser};

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

    pub(super) async fn resolve_remote_alias(
        &self,
        _alias: &RoomAliasId,
    ) -> Result<(OwnedRoomId, Vec<OwnedServerName>), RoomsError> {
        Err(RoomsError::UnknownAlias)
    }

    /// Asks other servers for history where ours begins.
    pub async fn fill_history(&self, _room: &RoomRow, _page: &Page) -> Result<(), RoomsError> {
        Ok(())
    }
}
