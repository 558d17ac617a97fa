//! GET /_matrix/federation/v1/openid/userinfo: whom an OpenID token proves; asked by anybody who was given one.

use ruma::api::federation::openid::get_openid_userinfo::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn get_openid_userinfo(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let user_id = accounts.openid_user(&request.access_token).await?;
    user_id.map(Response::new).ok_or_else(|| ApiError::unknown_token(false))
}
