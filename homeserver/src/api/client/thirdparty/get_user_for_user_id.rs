//! GET /_matrix/client/v3/thirdparty/user: who a Matrix user is on other networks.

use ruma::api::client::thirdparty::get_user_for_user_id::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::Appservices,
};

pub async fn get_user_for_user_id(appservices: Appservices, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(appservices.third_party_users(&request.userid).await))
}
