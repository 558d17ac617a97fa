//! GET /_matrix/client/v3/thirdparty/location: places of other networks that an alias stands for.

use ruma::api::client::thirdparty::get_location_for_room_alias::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::Appservices,
};

pub async fn get_location_for_room_alias(
    appservices: Appservices,
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    Ok(Response::new(appservices.third_party_locations(&request.alias).await))
}
