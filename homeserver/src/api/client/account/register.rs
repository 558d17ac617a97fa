//! POST /_matrix/client/v3/register: makes an account and signs it in.

use bytes::BufMut;
use ruma::{
    OwnedUserId,
    api::{
        IncomingRequest, OutgoingResponse,
        client::account::register::{LoginType, RegistrationKind, v3 as api},
        error::{ErrorKind, FromHttpRequestError, IntoHttpError},
    },
};
use serde_json::{Map, Value};

use crate::{
    api::{
        auth::by_token,
        error::ApiError,
        peer::peer_key,
        ruma_route::{Ruma, same_endpoint},
    },
    domain::{
        accounts::{Accounts, Limit, NewSession, Registered, Registering},
        appservices::Appservices,
    },
};

use super::check_not_reserved;

pub async fn register(
    (accounts, appservices): (Accounts, Appservices),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    if matches!(request.0.login_type, Some(LoginType::ApplicationService)) {
        return for_service(&accounts, &appservices, request).await;
    }
    if let Some(key) = peer_key(&request.head.extensions) {
        accounts.limits().take(&format!("register {key}"), Limit::REGISTER)?;
    }
    let api::Request {
        password,
        username,
        device_id,
        initial_device_display_name,
        auth,
        kind,
        inhibit_login,
        refresh_token,
        guest_access_token,
        ..
    } = request.request.0;
    let session = NewSession { device_id, display_name: initial_device_display_name, refresh: refresh_token };
    let registered = match kind {
        RegistrationKind::Guest => accounts.register_guest(session).await?,
        RegistrationKind::User => {
            // A guest's own name is taken, by the guest.
            if let Some(name) = &username
                && guest_access_token.is_none()
                && accounts.registration_open()
            {
                check_not_reserved(&appservices, &accounts.available(name).await?)?;
            }
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

/// The account of a service's user: its token stands for every proof.
async fn for_service(
    accounts: &Accounts,
    appservices: &Appservices,
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let service = by_token(appservices, request.sender.as_deref())?;
    let name = request.0.username.as_deref().ok_or_else(|| ApiError::missing_param("The username is missing"))?;
    let user_id = accounts.appservice_user_id(name)?;
    if !service.may_be(&user_id) || appservices.is_reserved_user(&user_id, Some(service)) {
        return Err(ApiError::new(ErrorKind::Exclusive, "This name is not in the application service's namespaces"));
    }
    let api::Request { device_id, initial_device_display_name, inhibit_login, refresh_token, .. } = request.request.0;
    let session = NewSession { device_id, display_name: initial_device_display_name, refresh: refresh_token };
    Ok(answer(accounts.register_for_service(user_id, (!inhibit_login).then_some(session)).await?))
}

fn answer(Registered { user_id, session }: Registered) -> Response {
    let user_id: OwnedUserId = user_id;
    let mut response = api::Response::new(user_id);
    if let Some(session) = session {
        response.device_id = Some(session.device_id);
        response.access_token = Some(session.access_token);
        response.refresh_token = session.refresh_token;
        response.expires_in = session.expires_in;
    }
    Response(response)
}

/// ruma's request, for [`Response`].
pub struct Request(api::Request);

same_endpoint!(Request, api::Request);

impl IncomingRequest for Request {
    type EndpointError = <api::Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = Response;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        Ok(Self(api::Request::try_from_http_request(request, path_args)?))
    }
}

/// ruma's answer, which says `null` where there is no device: clients that read strictly take that for a wrong type.
pub struct Response(api::Response);

impl OutgoingResponse for Response {
    fn try_into_http_response<T: Default + BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        if self.0.device_id.is_some() {
            return self.0.try_into_http_response();
        }
        let (head, body) = self.0.try_into_http_response::<Vec<u8>>()?.into_parts();
        let mut body: Map<String, Value> = serde_json::from_slice(&body)?;
        body.remove("device_id");
        let mut bytes = T::default();
        bytes.put_slice(&serde_json::to_vec(&body)?);
        Ok(http::Response::from_parts(head, bytes))
    }
}
