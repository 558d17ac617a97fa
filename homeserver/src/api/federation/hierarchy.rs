//! GET /_matrix/federation/v1/hierarchy/{roomId}: a space and those of its children that the asking server could enter.

use ruma::api::federation::space::{
    SpaceHierarchyParentSummary,
    get_hierarchy::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
};

pub async fn get_hierarchy(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let found = inbound.hierarchy(&request.sender, &request.room_id, request.suggested_only).await?;
    let children_state = found.room.children.into_iter().map(|child| child.event).collect();
    let mut response = Response::new(SpaceHierarchyParentSummary::new(found.room.summary, children_state));
    response.children = found.children;
    response.inaccessible_children = found.inaccessible;
    Ok(response)
}
