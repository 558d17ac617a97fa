//! POST /_matrix/client/v3/{account/3pid,account/password,register}/msisdn/requestToken: refused, for this server sends no text messages.

use ruma::api::{
    client::account::{
        request_3pid_management_token_via_msisdn, request_password_change_token_via_msisdn,
        request_registration_token_via_msisdn,
    },
    error::ErrorKind,
};

use crate::api::{error::ApiError, ruma_route::Ruma};

macro_rules! token_requests {
    ($($name:ident: $endpoint:ident, $kind:ident);+ $(;)?) => {$(
        pub async fn $name((): (), _: Ruma<$endpoint::v3::Request>) -> Result<$endpoint::v3::Response, ApiError> {
            Err(ApiError::new(ErrorKind::$kind, "This server sends no text messages"))
        }
    )+};
}

token_requests! {
    to_add: request_3pid_management_token_via_msisdn, ThreepidMediumNotSupported;
    for_password: request_password_change_token_via_msisdn, ThreepidDenied;
    to_register: request_registration_token_via_msisdn, ThreepidDenied;
}
