//! GET /_matrix/client/v3/publicRooms: a server's published rooms.

use ruma::{
    UInt,
    api::client::directory::get_public_rooms::v3::{Request, Response},
};

use crate::{
    api::{auth::visitor, error::ApiError, parts::Parts, peer::peer_key, ruma_route::Ruma},
    domain::{accounts::Limit, rooms::DirectoryQuery},
};

use super::{read, size};

pub async fn get_public_rooms(parts: Parts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let key = if parts.config.public_rooms_without_login {
        peer_key(&request.head.extensions)
    } else {
        let visitor = visitor(&parts, &request.head).await?.ok_or_else(ApiError::missing_token)?;
        visitor.is_limited().then(|| visitor.user_id.to_string())
    };
    if let Some(key) = key {
        parts.accounts.limits().take(&format!("rooms {key}"), Limit::LOOK_UP)?;
    }
    let query =
        DirectoryQuery { limit: request.limit.map(size), since: request.since.clone(), ..DirectoryQuery::default() };
    let page = read(&parts.rooms, request.server.as_ref(), query).await?;
    let mut response = Response::new(page.rooms);
    (response.next_batch, response.prev_batch) = (page.next_batch, page.prev_batch);
    response.total_room_count_estimate = page.total.and_then(|total| UInt::try_from(total).ok());
    Ok(response)
}
