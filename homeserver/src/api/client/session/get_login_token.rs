//! POST /_matrix/client/v1/login/get_token: a token with which another device of the user signs in once.

use ruma::api::client::session::get_login_token::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn get_login_token(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    accounts.prove_own(&request.sender.user_id, "get_token".to_owned(), request.auth.as_ref()).await?;
    let (token, expires_in) = accounts.make_login_token(request.sender.user).await?;
    Ok(Response::new(expires_in, token))
}
