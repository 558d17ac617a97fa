//! GET /_matrix/client/v1/rooms/{roomId}/hierarchy: a space and the rooms below it.

use ruma::api::client::space::{
    SpaceHierarchyRoomsChunk,
    get_hierarchy::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        rooms::{HierarchyQuery, Rooms, SpaceRoom},
    },
};

pub async fn get_hierarchy((rooms, accounts): (Rooms, Accounts), request: Ruma<Request>) -> Result<Response, ApiError> {
    request.sender.take(&accounts, "hierarchy", Limit::LOOK_UP)?;
    let query = HierarchyQuery {
        room_id: request.room_id.clone(),
        from: request.from.clone(),
        limit: request.limit.map(u64::from),
        max_depth: request.max_depth.map(u64::from),
        suggested_only: request.suggested_only,
    };
    let page = rooms.hierarchy(&request.sender.local_user(), &query).await?;
    let mut response = Response::new();
    response.rooms = page.rooms.into_iter().map(chunk).collect();
    response.next_batch = page.next_batch;
    Ok(response)
}

fn chunk(room: SpaceRoom) -> SpaceHierarchyRoomsChunk {
    SpaceHierarchyRoomsChunk::new(room.summary, room.children.into_iter().map(|child| child.event).collect())
}
