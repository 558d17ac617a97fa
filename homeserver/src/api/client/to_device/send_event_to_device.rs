//! PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}: sends messages to devices.

use ruma::api::client::to_device::send_event_to_device::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{Encryption, SendToDevice},
};

pub async fn send_event_to_device(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    let send = SendToDevice {
        user: sender.user,
        user_id: sender.user_id,
        device_id: sender.device_id,
        event_type: request.event_type,
        txn_id: request.txn_id,
        messages: request.messages,
    };
    encryption.send_to_device(send).await?;
    Ok(Response::new())
}
