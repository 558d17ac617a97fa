//! POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}: up to where one has read.

use ruma::{
    api::client::receipt::create_receipt::v3::{ReceiptType, Request, Response},
    events::receipt::ReceiptThread,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::ephemeral::{Ephemeral, EphemeralError, receipts::Marker},
};

pub async fn create_receipt(ephemeral: Ephemeral, request: Ruma<Request>) -> Result<Response, ApiError> {
    let marker = match &request.receipt_type {
        ReceiptType::Read => Marker::Read,
        ReceiptType::ReadPrivate => Marker::ReadPrivate,
        ReceiptType::FullyRead => Marker::FullyRead,
        _ => return Err(EphemeralError::UnknownType.into()),
    };
    if request.thread != ReceiptThread::Unthreaded && request.thread.as_str().is_none_or(str::is_empty) {
        return Err(EphemeralError::EmptyThread.into());
    }
    let sender = &request.sender;
    ephemeral
        .mark_read(sender.user, &sender.user_id, &request.room_id, &[(marker, &request.event_id)], &request.thread)
        .await?;
    Ok(Response::new())
}
