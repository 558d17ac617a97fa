//! POST /_matrix/client/v3/login: signs a device in.

use ruma::api::{
    IncomingRequest,
    auth_scheme::AppserviceTokenOptional,
    client::session::login::v3,
    client::uiaa::{MatrixUserIdentifier, UserIdentifier},
    error::{Error, ErrorKind, FromHttpRequestError},
};

use crate::{
    api::{
        auth::by_token,
        error::ApiError,
        peer::peer_key,
        ruma_route::{Ruma, same_endpoint},
    },
    domain::{
        accounts::{AccountError, Accounts, Limit, NewSession},
        appservices::{Appservice, Appservices},
    },
    store::AccountRow,
};

/// ruma's request, once the body is known to say which kind of login it is: ruma takes that for granted.
pub struct Request(v3::Request);

same_endpoint!(Request, v3::Request, true, AppserviceTokenOptional);

impl IncomingRequest for Request {
    type EndpointError = Error;
    type OutgoingResponse = v3::Response;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        #[derive(serde::Deserialize)]
        struct Kind {
            #[serde(rename = "type")]
            _kind: String,
        }
        serde_json::from_slice::<Kind>(request.body().as_ref())?;
        v3::Request::try_from_http_request(request, path_args).map(Self)
    }
}

pub async fn login(
    (accounts, appservices): (Accounts, Appservices),
    request: Ruma<Request>,
) -> Result<v3::Response, ApiError> {
    let for_service = matches!(request.request.0.login_info, v3::LoginInfo::ApplicationService(_));
    if let Some(key) = peer_key(&request.head.extensions).filter(|_| !for_service) {
        accounts.limits().take(&format!("login {key}"), Limit::LOGIN)?;
    }
    let v3::Request { login_info, device_id, initial_device_display_name, refresh_token, .. } = request.request.0;
    let account = match login_info {
        v3::LoginInfo::Password(password) => by_password(&accounts, password).await?,
        v3::LoginInfo::Token(token) => accounts.take_login_token(token.token).await?,
        v3::LoginInfo::ApplicationService(login) => {
            let service = by_token(&appservices, request.sender.as_deref())?;
            by_service(&accounts, service, login).await?
        }
        _ => {
            return Err(ApiError::with_status(
                http::StatusCode::BAD_REQUEST,
                ErrorKind::Unknown,
                "There is no such kind of login",
            ));
        }
    };
    if account.deactivated_ts.is_some() {
        return Err(AccountError::Deactivated.into());
    }
    if account.locked {
        return Err(AccountError::Locked.into());
    }
    let new = NewSession { device_id, display_name: initial_device_display_name, refresh: refresh_token };
    let session = accounts.sign_in(account.user, account.user_id, new).await?;
    let mut response = v3::Response::new(session.user_id, session.access_token, session.device_id);
    response.refresh_token = session.refresh_token;
    response.expires_in = session.expires_in;
    Ok(response)
}

/// A service signs its users in without a password.
async fn by_service(
    accounts: &Accounts,
    service: &Appservice,
    login: v3::ApplicationService,
) -> Result<AccountRow, ApiError> {
    #[expect(deprecated, reason = "older bridges name the user beside the identifier")]
    let v3::ApplicationService { identifier, user, .. } = login;
    let name = match (identifier, user) {
        (Some(UserIdentifier::Matrix(id)), _) => id.user,
        (None, Some(user)) => user,
        (Some(_), _) => return Err(ApiError::forbidden("Users are known by their user name")),
        (None, None) => return Err(ApiError::missing_param("The identifier is missing")),
    };
    let user_id = accounts.appservice_user_id(&name)?;
    if !service.may_be(&user_id) {
        return Err(ApiError::new(ErrorKind::Exclusive, "This user is not in the application service's namespaces"));
    }
    Ok(accounts.service_account(&user_id).await?)
}

async fn by_password(accounts: &Accounts, given: v3::Password) -> Result<AccountRow, ApiError> {
    #[expect(deprecated, reason = "older clients name the user beside the identifier")]
    let v3::Password { identifier, password, user, address, medium, .. } = given;
    let identifier = match (identifier, user, address) {
        (Some(identifier), _, _) => identifier,
        (None, Some(user), _) => UserIdentifier::Matrix(MatrixUserIdentifier::new(user)),
        (None, None, Some(address)) => {
            UserIdentifier::third_party_id(medium.unwrap_or_default().as_str().into(), address)
        }
        (None, None, None) => return Err(ApiError::missing_param("The identifier is missing")),
    };
    Ok(accounts.check_password_of(&identifier, &password).await?)
}
