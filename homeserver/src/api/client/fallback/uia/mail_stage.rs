//! The stage at which a person shows that an e-mail address is theirs: the address, a mail, and back here.

use axum::response::Response;
use http::{Extensions, StatusCode};

use crate::{
    api::{error::ApiError, parts::Parts, peer::peer_key},
    domain::accounts::{AccountError, Limit, MailRequest, ThreepidError, random_token},
    store::Purpose,
};

use super::{Form, Page};

/// The longest id and secret that a form brings back.
const LONGEST: usize = 255;

/// A mail that is on its way; the form brings this back once it was confirmed.
pub(super) struct Sent {
    session_id: String,
    client_secret: String,
}

impl Sent {
    pub(super) fn of_form(filled: &Form) -> Option<Self> {
        let field = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '=' | '_' | '-');
            filled.get(name).filter(|text| text.len() <= LONGEST && text.chars().all(plain)).cloned()
        };
        Some(Self { session_id: field("sid")?, client_secret: field("client_secret")? })
    }

    pub(super) fn page(&self, words: Option<&str>) -> Response {
        let Self { session_id, client_secret } = self;
        let words = words.map(|words| format!("<p role=alert>{words}</p>")).unwrap_or_default();
        let body = format!(
            "{words}<p>A mail is on its way. Open its link and confirm it, then continue here.</p><form method=post>\
             <input type=hidden name=sid value=\"{session_id}\"><input type=hidden name=client_secret value=\"{client_secret}\">\
             <button>Continue</button></form>"
        );
        Page { title: "One step more", body, script: None, leads_to: None }.answer(StatusCode::OK)
    }
}

/// Sends the mail; an `Err` inside says why not, to the person, who may try another address.
pub(super) async fn send(
    parts: &Parts,
    purpose: Purpose,
    extensions: &Extensions,
    email: &str,
) -> Result<Result<Sent, &'static str>, ApiError> {
    if let Some(peer) = peer_key(extensions) {
        parts.accounts.limits().take(&format!("mail from {peer}"), Limit::MAIL)?;
    }
    let client_secret = random_token(&mut rand::rng());
    let (email, secret) = (email.to_owned(), client_secret.clone());
    let wish = MailRequest { email, client_secret: secret, send_attempt: 0, next_link: None };
    match parts.accounts.request_mail(purpose, wish).await {
        Ok(session_id) => Ok(Ok(Sent { session_id, client_secret })),
        Err(AccountError::Threepid(error)) => Ok(Err(match error {
            ThreepidError::InvalidAddress => "This is not an e-mail address.",
            ThreepidError::InUse => "This address belongs to an account here already.",
            ThreepidError::Unknown => "No account here has this address.",
            _ => "The mail could not be sent.",
        })),
        Err(error) => Err(error.into()),
    }
}
