//! Who is in a room: inviting, joining, leaving, removing, member lists.

pub mod ban_user;
pub mod forget_room;
pub mod get_member_events;
pub mod invite_user;
pub mod join_room_by_id;
pub mod join_room_by_id_or_alias;
pub mod joined_members;
pub mod joined_rooms;
pub mod kick_user;
pub mod knock_room;
pub mod leave_room;
pub mod mutual_rooms;
pub mod unban_user;

use ruma::api::client::membership::Invite3pid;

use crate::{
    api::error::ApiError,
    domain::{
        identity_servers::{IdentityServers, Threepid},
        rooms::ThirdPartyInvite,
    },
};

/// An invite by an address, as far as the settings allow it.
pub(super) fn invite_by_address(servers: &IdentityServers, invite: &Invite3pid) -> Result<ThirdPartyInvite, ApiError> {
    if servers.is_empty() {
        return Err(ApiError::forbidden("This server invites nobody by e-mail or telephone"));
    }
    let server = servers.trusted(&invite.id_server)?;
    let threepid = Threepid::new(&invite.medium, &invite.address)?;
    Ok(ThirdPartyInvite { server, token: invite.id_access_token.clone(), threepid })
}
