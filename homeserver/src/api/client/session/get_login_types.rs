//! GET /_matrix/client/v3/login: how people can sign in.

use ruma::api::client::session::get_login_types::v3::{
    ApplicationServiceLoginType, LoginType, PasswordLoginType, Request, Response, TokenLoginType,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::Appservices,
};

pub async fn get_login_types(appservices: Appservices, _: Ruma<Request>) -> Result<Response, ApiError> {
    let mut token = TokenLoginType::new();
    token.get_login_token = true;
    let mut flows = vec![LoginType::Password(PasswordLoginType::new()), LoginType::Token(token)];
    if !appservices.is_empty() {
        flows.push(LoginType::ApplicationService(ApplicationServiceLoginType::new()));
    }
    Ok(Response::new(flows))
}
