//! PUT /_matrix/federation/v2/invite/{roomId}/{eventId}: another server's user invites one of ours.

use ruma::api::federation::membership::{
    RawStrippedState,
    create_invite::{v1, v2},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        inbound::{EntryError, Inbound},
        rooms::{ReceivedInvite, RoomsError, StrippedOrPdu},
    },
};

use super::incompatible_version;

pub async fn invite(inbound: Inbound, request: Ruma<v2::Request>) -> Result<v2::Response, ApiError> {
    let state = request.invite_room_state.iter().filter_map(|event| match event {
        RawStrippedState::Pdu(event) => Some(StrippedOrPdu(event.clone())),
        #[expect(deprecated, reason = "servers older than version 1.16 of the specification send it")]
        RawStrippedState::Stripped(event) => Some(StrippedOrPdu(event.clone().into_json())),
        _ => None,
    });
    let invite = ReceivedInvite {
        room_id: &request.room_id,
        event_id: &request.event_id,
        version: &request.room_version,
        event: &request.event,
        state: state.collect(),
    };
    let signed = inbound.invite(&request.sender, invite).await.map_err(|error| match error {
        EntryError::Rooms(RoomsError::UnsupportedVersion) => incompatible_version(&request.room_version),
        error => error.into(),
    })?;
    Ok(v2::Response::new(signed))
}

/// PUT /_matrix/federation/v1/invite/{roomId}/{eventId}: only rooms of versions 1 and 2 are invited to in this way, and we join none.
pub async fn invite_v1((): (), _: Ruma<v1::Request>) -> Result<v1::Response, ApiError> {
    Err(incompatible_version(&ruma::RoomVersionId::V1))
}
