//! GET /_matrix/client/v1/rooms/{roomId}/threads: the roots of a room's threads, by their newest events.

use ruma::api::client::threads::get_threads::v1::{IncludeThreads, Request, Response};

use crate::{
    api::{
        client::room::{readable, show, token},
        error::ApiError,
        ruma_route::Ruma,
    },
    clock::Clock,
    domain::rooms::Rooms,
};

/// Roots of one page when the client does not say, and at most.
const LIMIT: usize = 20;
const MOST: usize = 100;

pub async fn get_threads((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let participated = match &request.include {
        IncludeThreads::All => false,
        IncludeThreads::Participated => true,
        _ => return Err(ApiError::invalid_param("`include` is all or participated")),
    };
    let before = request.from.as_deref().map(token).transpose()?;
    let limit = request.limit.map_or(LIMIT, |limit| usize::try_from(u64::from(limit)).unwrap_or(MOST));
    if limit == 0 {
        return Err(ApiError::invalid_param("`limit` is greater than zero"));
    }
    let (room, rules) = readable(&rooms, sender, &request.room_id).await?;
    let page =
        rooms.threads(sender.user, &sender.user_id, &room, &rules, before, participated, limit.min(MOST)).await?;
    let mut response =
        Response::new(show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &page.roots).await?);
    response.next_batch = page.next.map(|next| next.0.to_string());
    Ok(response)
}
