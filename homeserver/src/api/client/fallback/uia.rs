//! GET and POST /_matrix/client/v3/auth/{authType}/fallback/web: a page on which a person completes one stage of a session.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, Query, Request, State},
    response::Response,
};
use http::StatusCode;
use ruma::api::client::uiaa::{AuthData, AuthType};
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{error::ApiError, parts::Parts, peer::peer_key, ruma_route::read_body},
    config::Config,
    domain::accounts::{AccountError, Limit, uia::PageStage},
};

use super::{Page, escaped};

mod mail_stage;

/// The largest form.
const FORM: usize = 16 * 1024;
/// What the specification wants run once the stage is complete.
const DONE: &str = "if(window.onAuthDone){window.onAuthDone();}else if(window.opener&&window.opener.postMessage){\
    window.opener.postMessage(\"authDone\",\"*\");}";

#[derive(Deserialize)]
pub struct Session {
    #[serde(default)]
    session: String,
}

type Form = BTreeMap<String, String>;

/// GET: what the stage asks for.
pub async fn get(
    State(parts): State<Parts>,
    Path(stage): Path<String>,
    Query(Session { session }): Query<Session>,
) -> Response {
    let stage = AuthType::from(stage);
    match parts.accounts.stage_of_page(&session, &stage) {
        Some(asked) if asked.done => done(),
        Some(asked) => form(&stage, &asked, &parts.config, None),
        None => unknown(),
    }
}

/// POST: completes the stage.
pub async fn post(
    State(parts): State<Parts>,
    Path(stage): Path<String>,
    Query(Session { session }): Query<Session>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    if let Some(key) = peer_key(&head.extensions) {
        parts.accounts.limits().take(&format!("page {key}"), Limit::MEET)?;
    }
    let body = read_body(body, FORM).await?;
    let stage = AuthType::from(stage);
    let Some(asked) = parts.accounts.stage_of_page(&session, &stage) else { return Ok(unknown()) };
    if asked.done {
        return Ok(done());
    }
    let filled: Form = serde_html_form::from_bytes(&body).unwrap_or_default();
    if stage == AuthType::EmailIdentity
        && let Some(purpose) = asked.mail
        && let Some(email) = filled.get("email")
    {
        return Ok(match mail_stage::send(&parts, purpose, &head.extensions, email).await? {
            Ok(sent) => sent.page(None),
            Err(words) => form(&stage, &asked, &parts.config, Some(words)),
        });
    }
    let sent = mail_stage::Sent::of_form(&filled);
    let again = |words| match &sent {
        Some(sent) => sent.page(Some(words)),
        None => form(&stage, &asked, &parts.config, Some(words)),
    };
    let Some(auth) = proof(&stage, &asked, &session, filled) else { return Ok(again("Something is missing.")) };
    match parts.accounts.prove_on_page(&session, &auth).await {
        Ok(()) => Ok(done()),
        Err(AccountError::WrongPassword) => Ok(again("The user name or the password is wrong.")),
        Err(AccountError::WrongToken) => Ok(again("That was not right.")),
        Err(error) => Err(error.into()),
    }
}

/// The form as the proof that a client would have sent.
fn proof(stage: &AuthType, asked: &PageStage, session: &str, mut filled: Form) -> Option<AuthData> {
    let mut field = |name: &str| filled.remove(name).filter(|text| !text.is_empty());
    let mut data = match stage {
        AuthType::Dummy | AuthType::Terms => json!({}),
        AuthType::RegistrationToken => json!({ "token": field("token")? }),
        AuthType::Password => {
            let user = asked.user.as_ref().map(ToString::to_string).or_else(|| field("user"))?;
            json!({ "identifier": { "type": "m.id.user", "user": user }, "password": field("password")? })
        }
        AuthType::EmailIdentity => {
            json!({ "threepid_creds": { "sid": field("sid")?, "client_secret": field("client_secret")? } })
        }
        _ => return None,
    };
    data.as_object_mut()?.extend([("type".to_owned(), stage.as_str().into()), ("session".to_owned(), session.into())]);
    serde_json::from_value(data).ok()
}

/// The form posts to the page's own URL, which names the session.
fn form(stage: &AuthType, asked: &PageStage, config: &Config, words: Option<&str>) -> Response {
    let input = |label: &str, name: &str, kind: &str, fill: &str| {
        format!(
            "<label for={name}>{label}</label><input id={name} name={name} type={kind} autocomplete={fill} required autofocus>"
        )
    };
    let fields = match stage {
        AuthType::Dummy => "<p>Nothing is left to prove.</p>".to_owned(),
        AuthType::Terms => terms(config),
        AuthType::RegistrationToken => input("Your invite", "token", "text", "off"),
        AuthType::EmailIdentity => input("Your e-mail address", "email", "email", "email"),
        AuthType::Password => {
            let user = match &asked.user {
                None => input("User name", "user", "text", "username"),
                // For password managers; whose password it is is known.
                Some(user) => {
                    let user = escaped(user.as_str());
                    format!(
                        "<p>{user}</p><input value=\"{user}\" autocomplete=username aria-label=\"User name\" readonly hidden>"
                    )
                }
            };
            user + &input("Password", "password", "password", "current-password")
        }
        _ => return unknown(),
    };
    let words = words.map(|words| format!("<p role=alert>{words}</p>")).unwrap_or_default();
    let button = if *stage == AuthType::Terms { "Accept" } else { "Continue" };
    let body = format!("{words}<form method=post>{fields}<button>{button}</button></form>");
    Page { title: "One step more", body, script: None, leads_to: None }.answer(StatusCode::OK)
}

fn terms(config: &Config) -> String {
    let mut list = String::from("<p>To have an account here, accept:</p><ul>");
    for page in config.terms.values().flat_map(|document| document.languages.values()) {
        let (url, name) = (escaped(&page.url), escaped(&page.name));
        list += &format!("<li><a href=\"{url}\" target=_blank rel=\"noopener noreferrer\">{name}</a></li>");
    }
    list + "</ul>"
}

fn done() -> Response {
    let body = "<p>You may close this window.</p>".to_owned();
    Page { title: "Thank you", body, script: Some(DONE), leads_to: None }.answer(StatusCode::OK)
}

fn unknown() -> Response {
    let body = "<p>This step is unknown or over. Go back to your app and begin again.</p>".to_owned();
    Page { title: "Too late", body, script: None, leads_to: None }.answer(StatusCode::NOT_FOUND)
}
