//! POST /_matrix/client/v3/user/{userId}/openid/request_token: a token that proves to another service who the user is.

use ruma::{
    OwnedServerName,
    api::client::account::request_openid_token::v3::{Request, Response},
    authentication::TokenType,
};

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn request_openid_token(
    (accounts, server_name): (Accounts, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    let (token, expires_in) = accounts.make_openid_token(request.sender.user).await?;
    Ok(Response::new(token, TokenType::Bearer, server_name, expires_in))
}
