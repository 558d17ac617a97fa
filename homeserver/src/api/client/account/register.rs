//! POST /_matrix/client/v3/register: makes an account and signs it in.

use ruma::{
    OwnedUserId,
    api::{
        client::account::register::{
            LoginType, RegistrationKind,
            v3::{Request, Response},
        },
        error::ErrorKind,
    },
};

use crate::{
    api::{error::ApiError, peer::peer_key, ruma_route::Ruma},
    domain::accounts::{Accounts, Limit, NewSession, Registered, Registering},
};

pub async fn register(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    if let Some(key) = peer_key(&request.head.extensions) {
        accounts.limits().take(&format!("register {key}"), Limit::REGISTER)?;
    }
    let Request {
        password,
        username,
        device_id,
        initial_device_display_name,
        auth,
        kind,
        inhibit_login,
        login_type,
        refresh_token,
        guest_access_token,
        ..
    } = request.request;
    if matches!(login_type, Some(LoginType::ApplicationService)) {
        return Err(ApiError::unknown_token(false));
    }
    let session = NewSession { device_id, display_name: initial_device_display_name, refresh: refresh_token };
    let registered = match kind {
        RegistrationKind::Guest => accounts.register_guest(session).await?,
        RegistrationKind::User => {
            let session = (!inhibit_login).then_some(session);
            let wish = Registering { username, password, session };
            match guest_access_token {
                Some(token) => accounts.upgrade_guest(&token, wish, auth.as_ref()).await?,
                None => accounts.register(wish, auth.as_ref()).await?,
            }
        }
        _ => {
            return Err(ApiError::with_status(
                http::StatusCode::BAD_REQUEST,
                ErrorKind::Unknown,
                "There is no such kind of account",
            ));
        }
    };
    Ok(answer(registered))
}

fn answer(Registered { user_id, session }: Registered) -> Response {
    let user_id: OwnedUserId = user_id;
    let mut response = Response::new(user_id);
    if let Some(session) = session {
        response.device_id = Some(session.device_id);
        response.access_token = Some(session.access_token);
        response.refresh_token = session.refresh_token;
        response.expires_in = session.expires_in;
    }
    response
}
