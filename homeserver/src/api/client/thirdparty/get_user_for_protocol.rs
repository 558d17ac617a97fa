//! GET /_matrix/client/v3/thirdparty/user/{protocol}: users of a protocol that fit the fields.

use ruma::api::client::thirdparty::get_user_for_protocol::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::Appservices,
};

pub async fn get_user_for_protocol(appservices: Appservices, request: Ruma<Request>) -> Result<Response, ApiError> {
    let fields = super::fields(&request.fields)?;
    appservices.users_of(&request.protocol, &fields).await.map(Response::new).ok_or_else(super::unknown)
}
