//! POST /_matrix/client/v3/rooms/{roomId}/read_markers: several read markers at once.

use ruma::{
    EventId,
    api::client::read_marker::set_read_marker::v3::{Request, Response},
    events::receipt::ReceiptThread,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::ephemeral::{Ephemeral, receipts::Marker},
};

pub async fn set_read_marker(ephemeral: Ephemeral, request: Ruma<Request>) -> Result<Response, ApiError> {
    let markers = [
        (Marker::FullyRead, &request.fully_read),
        (Marker::Read, &request.read_receipt),
        (Marker::ReadPrivate, &request.private_read_receipt),
    ];
    let markers: Vec<(Marker, &EventId)> =
        markers.into_iter().filter_map(|(marker, event_id)| Some((marker, event_id.as_deref()?))).collect();
    let (sender, thread) = (&request.sender, ReceiptThread::Unthreaded);
    ephemeral.mark_read(sender.user, &sender.user_id, &request.room_id, &markers, &thread).await?;
    Ok(Response::new())
}
