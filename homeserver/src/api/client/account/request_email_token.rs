//! POST /_matrix/client/v3/{account/3pid,account/password,register}/email/requestToken: a mail with which people show that an address is theirs.

use ruma::{
    OwnedSessionId,
    api::{
        client::account::{
            request_3pid_management_token_via_email, request_password_change_token_via_email,
            request_registration_token_via_email,
        },
        error::ErrorKind,
    },
};

use crate::{
    api::{error::ApiError, peer::peer_key, ruma_route::Ruma},
    domain::accounts::{Accounts, Limit, MailRequest},
    store::Purpose,
};

macro_rules! token_requests {
    ($($name:ident: $endpoint:ident, $purpose:ident);+ $(;)?) => {$(
        pub async fn $name(
            accounts: Accounts,
            request: Ruma<$endpoint::v3::Request>,
        ) -> Result<$endpoint::v3::Response, ApiError> {
            let wish = MailRequest {
                email: request.email.clone(),
                client_secret: request.client_secret.to_string(),
                send_attempt: request.send_attempt.into(),
                next_link: request.next_link.clone(),
            };
            let sid = request_mail(&accounts, Purpose::$purpose, peer_key(&request.head.extensions), wish).await?;
            Ok($endpoint::v3::Response::new(sid))
        }
    )+};
}

token_requests! {
    to_add: request_3pid_management_token_via_email, Add;
    for_password: request_password_change_token_via_email, Password;
    to_register: request_registration_token_via_email, Register;
}

async fn request_mail(
    accounts: &Accounts,
    purpose: Purpose,
    peer: Option<String>,
    wish: MailRequest,
) -> Result<OwnedSessionId, ApiError> {
    if !accounts.sends_mail() {
        let kind = match purpose {
            Purpose::Add => ErrorKind::ThreepidMediumNotSupported,
            Purpose::Password | Purpose::Register => ErrorKind::ThreepidDenied,
        };
        return Err(ApiError::new(kind, "This server sends no mail"));
    }
    if let Some(peer) = peer {
        accounts.limits().take(&format!("mail from {peer}"), Limit::MAIL)?;
    }
    let sid = accounts.request_mail(purpose, wish).await?;
    OwnedSessionId::try_from(sid).map_err(|error| ApiError::internal(&error))
}
