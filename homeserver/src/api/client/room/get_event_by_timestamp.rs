//! GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event: the event nearest to a time, in one direction.

use ruma::{
    MilliSecondsSinceUnixEpoch, UInt,
    api::{
        Direction,
        client::room::get_event_by_timestamp::v1::{Request, Response},
    },
};

use super::readable;
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn get_event_by_timestamp(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let (room, _) = readable(&rooms, sender, &request.room_id).await?;
    let (ts, forwards) = (i64::from(request.ts.get()), request.dir == Direction::Forward);
    let found = rooms.event_near_time(sender.user, &sender.user_id, &room, ts, forwards).await?;
    let (event_id, origin_ts) = found.ok_or_else(|| {
        let direction = if forwards { "forward" } else { "backward" };
        ApiError::not_found(format!("Unable to find event from {ts} in {direction} direction"))
    })?;
    Ok(Response::new(event_id, MilliSecondsSinceUnixEpoch(UInt::try_from(origin_ts).unwrap_or_default())))
}
