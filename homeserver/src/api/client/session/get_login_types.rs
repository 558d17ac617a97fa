//! GET /_matrix/client/v3/login: how people can sign in.

use ruma::api::client::session::get_login_types::v3::{
    LoginType, PasswordLoginType, Request, Response, TokenLoginType,
};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn get_login_types((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    let mut token = TokenLoginType::new();
    token.get_login_token = true;
    Ok(Response::new(vec![LoginType::Password(PasswordLoginType::new()), LoginType::Token(token)]))
}
