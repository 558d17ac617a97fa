//! POST /_matrix/client/v3/account/3pid/add and what belongs to it: this server binds no addresses to accounts, as its capabilities say.

use ruma::api::{
    client::account::{
        ThirdPartyIdRemovalStatus, add_3pid, bind_3pid, delete_3pid, request_3pid_management_token_via_email,
        request_3pid_management_token_via_msisdn, request_password_change_token_via_email,
        request_password_change_token_via_msisdn, request_registration_token_via_email,
        request_registration_token_via_msisdn, unbind_3pid,
    },
    error::ErrorKind,
};

use crate::api::{error::ApiError, ruma_route::Ruma};

type Answer<T> = Result<T, ApiError>;

fn changes_are_off() -> ApiError {
    ApiError::forbidden("This server binds no addresses to accounts")
}

fn no_identity_server() -> ApiError {
    ApiError::new(ErrorKind::ServerNotTrusted, "This server works with no identity server")
}

/// To make an account or another password by an address.
fn no_contact() -> ApiError {
    ApiError::new(ErrorKind::ThreepidDenied, "This server sends no mail and no text messages")
}

/// To add an address to an account.
fn no_such_medium() -> ApiError {
    ApiError::new(ErrorKind::ThreepidMediumNotSupported, "This server binds no addresses to accounts")
}

pub async fn add((): (), _: Ruma<add_3pid::v3::Request>) -> Answer<add_3pid::v3::Response> {
    Err(changes_are_off())
}

pub async fn bind((): (), _: Ruma<bind_3pid::v3::Request>) -> Answer<bind_3pid::v3::Response> {
    Err(no_identity_server())
}

pub async fn delete((): (), _: Ruma<delete_3pid::v3::Request>) -> Answer<delete_3pid::v3::Response> {
    Ok(delete_3pid::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}

pub async fn unbind((): (), _: Ruma<unbind_3pid::v3::Request>) -> Answer<unbind_3pid::v3::Response> {
    Ok(unbind_3pid::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}

macro_rules! token_requests {
    ($($name:ident: $endpoint:ident, $refusal:ident);+ $(;)?) => {$(
        pub async fn $name((): (), _: Ruma<$endpoint::v3::Request>) -> Answer<$endpoint::v3::Response> {
            Err($refusal())
        }
    )+};
}

token_requests! {
    add_by_email: request_3pid_management_token_via_email, no_such_medium;
    add_by_msisdn: request_3pid_management_token_via_msisdn, no_such_medium;
    password_by_email: request_password_change_token_via_email, no_contact;
    password_by_msisdn: request_password_change_token_via_msisdn, no_contact;
    register_by_email: request_registration_token_via_email, no_contact;
    register_by_msisdn: request_registration_token_via_msisdn, no_contact;
}
