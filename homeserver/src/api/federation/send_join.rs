//! PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}: another server's user joins; the answer is the room's state.

use ruma::api::federation::membership::create_join_event::v2::{Request, Response, RoomState};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
};

pub async fn send_join(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let omit = request.omit_members;
    let entered = inbound.admit_join(&request.sender, &request.room_id, &request.event_id, &request.pdu, omit).await?;
    let mut state = RoomState::new();
    state.members_omitted = entered.members_omitted;
    state.state = entered.state;
    state.auth_chain = entered.auth_chain;
    state.event = entered.event;
    state.servers_in_room = omit.then_some(entered.servers);
    Ok(Response::new(state))
}
