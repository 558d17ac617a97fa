//! GET and POST /_hearth/client/v1/email/confirm: the page that a mail leads to, on which a person says that the address is theirs.

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderValue, StatusCode, header};
use serde::Deserialize;
use url::Url;

use crate::{
    api::{error::ApiError, parts::Parts, peer::peer_key},
    domain::accounts::Limit,
    store::{Purpose, ThreepidSession},
};

use super::{Page, escaped};

#[derive(Deserialize)]
pub struct Token {
    #[serde(default)]
    token: String,
}

/// GET: asks. Programs that look through mail open its links; they press no buttons.
pub async fn get(
    State(parts): State<Parts>,
    Query(Token { token }): Query<Token>,
    extensions: Extensions,
) -> Result<Response, ApiError> {
    count(&parts, &extensions)?;
    Ok(parts.accounts.mail_of_token(&token).await?.map_or_else(too_late, |asked| question(&parts, &asked)))
}

/// POST: the button was pressed.
pub async fn post(
    State(parts): State<Parts>,
    Query(Token { token }): Query<Token>,
    extensions: Extensions,
) -> Result<Response, ApiError> {
    count(&parts, &extensions)?;
    let Some(confirmed) = parts.accounts.confirm_mail(token).await? else { return Ok(too_late()) };
    if let Some(next) = confirmed.next_link.and_then(|link| HeaderValue::try_from(link).ok()) {
        let mut onwards = StatusCode::SEE_OTHER.into_response();
        onwards.headers_mut().insert(header::LOCATION, next);
        onwards.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        return Ok(onwards);
    }
    let body = "<p>Go back to your app: it goes on there. You may close this window.</p>".to_owned();
    Ok(Page { title: "Thank you", body, script: None, leads_to: None }.answer(StatusCode::OK))
}

fn count(parts: &Parts, extensions: &Extensions) -> Result<(), ApiError> {
    if let Some(key) = peer_key(extensions) {
        parts.accounts.limits().take(&format!("page {key}"), Limit::MEET)?;
    }
    Ok(())
}

/// The form posts to the page's own URL, which holds the token.
fn question(parts: &Parts, asked: &ThreepidSession) -> Response {
    let (address, server) = (escaped(&asked.address), escaped(parts.server_name.as_str()));
    let what = match asked.purpose {
        Purpose::Add => format!("Add <b>{address}</b> to your account on {server}?"),
        Purpose::Password => format!("Choose a new password for the account of <b>{address}</b> on {server}?"),
        Purpose::Register => format!("Make an account on {server} with the address <b>{address}</b>?"),
    };
    let body = format!(
        "<p>{what}</p><p>If you did not ask for this yourself a moment ago, close this window.</p>\
         <form method=post><button>Confirm</button></form>"
    );
    let leads_to = asked.next_link.as_deref().and_then(|link| Url::parse(link).ok());
    let leads_to = leads_to.map(|url| url.origin().ascii_serialization());
    Page { title: "Is it you?", body, script: None, leads_to }.answer(StatusCode::OK)
}

fn too_late() -> Response {
    let body = "<p>This link is unknown or over. Go back to your app and begin again.</p>".to_owned();
    Page { title: "Too late", body, script: None, leads_to: None }.answer(StatusCode::NOT_FOUND)
}
