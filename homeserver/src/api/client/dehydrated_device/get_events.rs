//! POST /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{deviceId}/events: the messages that wait for the sleeping device.

use ruma::{
    api::client::dehydrated_device::get_events::unstable::{Request, Response},
    serde::Raw,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
    store::Position,
};

/// Messages of one answer.
const LIMIT: i64 = 100;

pub async fn get_events(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let since = match &request.next_batch {
        Some(token) => token.parse().map_err(|_| ApiError::invalid_param("This is not a token of this endpoint"))?,
        None => 0,
    };
    let messages =
        encryption.dehydrated_messages(request.sender.user, &request.device_id, Position(since), LIMIT).await?;
    let next_batch = messages.last().map_or(since, |message| message.position.0);
    let events = messages.into_iter().map(|message| Raw::from_json_string(message.json));
    let events = events.collect::<Result<_, _>>().map_err(|error| ApiError::internal(&error))?;
    let mut response = Response::new(events);
    response.next_batch = Some(next_batch.to_string());
    Ok(response)
}
