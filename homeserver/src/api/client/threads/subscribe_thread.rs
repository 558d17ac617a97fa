//! PUT /_matrix/client/unstable/io.element.msc4306/rooms/{roomId}/thread/{eventId}/subscription: follows a thread (MSC4306).

use http::StatusCode;
use ruma::api::{
    client::threads::subscribe_thread::unstable::{Request, Response},
    error::ErrorKind,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::{Rooms, RoomsError, Subscribed},
};

pub async fn subscribe_thread(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let room = super::root(&rooms, &request.sender, &request.room_id, &request.thread_root).await?;
    let automatic = request.automatic.as_deref();
    match rooms.subscribe_thread(request.sender.user, room, &request.thread_root, automatic).await? {
        Subscribed::Done => Ok(Response::new()),
        Subscribed::NotInThread => {
            let mut error = ApiError::with_status(
                StatusCode::BAD_REQUEST,
                ErrorKind::Unknown,
                "The event that is the cause is not in this thread",
            );
            error.body.insert("errcode".to_owned(), "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD".into());
            Err(error)
        }
        Subscribed::Conflicts => {
            let mut error = ApiError::with_status(
                StatusCode::CONFLICT,
                ErrorKind::Unknown,
                "You unsubscribed from this thread after the event that is the cause",
            );
            error.body.insert("errcode".to_owned(), "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION".into());
            Err(error)
        }
        Subscribed::UnknownCause => Err(RoomsError::UnknownEvent.into()),
    }
}
