//! PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}: an invite for an address is for this user of the origin.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue,
    api::federation::thirdparty::exchange_invite::v1::{Request, Response},
    events::StateEventType,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{inbound::Inbound, rooms::BoundInvite},
};

pub async fn exchange_invite(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    if request.kind != StateEventType::RoomMember {
        return Err(ApiError::invalid_param("Only a member event can be exchanged"));
    }
    let content: CanonicalJsonObject =
        serde_json::from_str(request.content.json().get()).map_err(|error| ApiError::bad_json(error.to_string()))?;
    if content.get("membership").and_then(CanonicalJsonValue::as_str) != Some("invite") {
        return Err(ApiError::invalid_param("Only an invite can be exchanged"));
    }
    let invite = content.get("third_party_invite").and_then(CanonicalJsonValue::as_object);
    let signed = invite.and_then(|invite| invite.get("signed")).and_then(CanonicalJsonValue::as_object);
    let signed = signed.ok_or_else(|| ApiError::missing_param("There is no third-party invite"))?;
    let display_name = invite.and_then(|invite| invite.get("display_name")).and_then(CanonicalJsonValue::as_str);
    let bound = BoundInvite {
        room_id: &request.room_id,
        sender: &request.request.sender,
        invited: &request.state_key,
        display_name,
        signed,
    };
    inbound.exchange_third_party_invite(&request.sender, bound).await?;
    Ok(Response::new())
}
