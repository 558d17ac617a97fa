//! /_hearth/v1/users: the people of this server, as their owner sees them.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    api::{
        client::account::{
            check_not_reserved,
            deactivate::{Closing, close},
        },
        error::ApiError,
        parts::Parts,
    },
    domain::accounts::{NewSession, Session, random_token},
    store::AccountRow,
};

/// An account in the list.
#[derive(Serialize)]
pub struct User {
    user_id: String,
    admin: bool,
    guest: bool,
    locked: bool,
    suspended: bool,
    deactivated: bool,
    /// Milliseconds since 1970.
    created_ts: i64,
}

#[derive(Serialize)]
pub struct Users {
    users: Vec<User>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// A localpart or a whole user id of this server.
    name: String,
    /// Absent: a random one is made and answered.
    password: Option<String>,
    #[serde(default)]
    admin: bool,
    display_name: Option<String>,
    /// The name of the device that is signed in with it.
    device_display_name: Option<String>,
    #[serde(default)]
    inhibit_login: bool,
}

/// A new account. Has no `Debug`: it holds secrets.
#[derive(Serialize)]
pub struct MadeUser {
    user_id: String,
    /// Set when it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SignIn {
    device_id: Option<String>,
    device_display_name: Option<String>,
}

/// A device that was signed in. Has no `Debug`: it holds a secret.
#[derive(Serialize)]
pub struct SignedIn {
    user_id: String,
    access_token: String,
    device_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: String,
    #[serde(default)]
    logout_devices: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    value: bool,
}

#[derive(Serialize)]
pub struct Done {}

/// GET /_hearth/v1/users: all accounts, oldest first.
pub async fn list(State(parts): State<Parts>) -> Result<Json<Users>, ApiError> {
    let users = parts.accounts.list().await?.into_iter().map(to_user).collect();
    Ok(Json(Users { users }))
}

/// POST /_hearth/v1/users: makes an account and signs a device in.
pub async fn add(State(parts): State<Parts>, body: Bytes) -> Result<Json<MadeUser>, ApiError> {
    let new: NewUser = read(&body)?;
    check_not_reserved(&parts.appservices, &parts.accounts.available(&new.name).await?)?;
    let made = new.password.is_none().then(|| random_token(&mut rand::rng()));
    let password = new.password.as_deref().or(made.as_deref());
    let (user, user_id) = parts.accounts.add(&new.name, password, new.admin).await?;
    if let Some(name) = new.display_name {
        parts.accounts.set_display_name(user, name).await?;
    }
    let mut answer = MadeUser { user_id: user_id.to_string(), password: made, access_token: None, device_id: None };
    if !new.inhibit_login {
        let session = NewSession { display_name: new.device_display_name, ..NewSession::default() };
        let session = parts.accounts.sign_in(user, user_id, session).await?;
        answer.access_token = Some(session.access_token);
        answer.device_id = Some(session.device_id.to_string());
    }
    Ok(Json(answer))
}

/// POST /_hearth/v1/users/{user}/sessions: signs a device of an account in, without its password.
pub async fn sign_in(
    State(parts): State<Parts>,
    Path(user): Path<String>,
    body: Bytes,
) -> Result<Json<SignedIn>, ApiError> {
    let asked: SignIn = if body.is_empty() { SignIn::default() } else { read(&body)? };
    let account = find(&parts, &user).await?;
    let new = NewSession {
        device_id: asked.device_id.map(Into::into),
        display_name: asked.device_display_name,
        refresh: false,
    };
    let Session { user_id, device_id, access_token, .. } =
        parts.accounts.sign_in(account.user, account.user_id, new).await?;
    Ok(Json(SignedIn { user_id: user_id.to_string(), access_token, device_id: device_id.to_string() }))
}

/// PUT /_hearth/v1/users/{user}/password: gives an account another password.
pub async fn set_password(
    State(parts): State<Parts>,
    Path(user): Path<String>,
    body: Bytes,
) -> Result<Json<Done>, ApiError> {
    let asked: Password = read(&body)?;
    let account = find(&parts, &user).await?;
    parts.accounts.set_password(account.user, &asked.password).await?;
    if asked.logout_devices {
        parts.accounts.delete_all_devices(account.user, None).await?;
    }
    Ok(Json(Done {}))
}

/// PUT /_hearth/v1/users/{user}/admin: makes an account an administrator, or not.
pub async fn set_admin(
    State(parts): State<Parts>,
    Path(user): Path<String>,
    body: Bytes,
) -> Result<Json<Done>, ApiError> {
    let asked: Switch = read(&body)?;
    let account = find(&parts, &user).await?;
    parts.accounts.set_admin(account.user, asked.value).await?;
    Ok(Json(Done {}))
}

/// PUT /_hearth/v1/users/{user}/locked: locks an account or unlocks it.
pub async fn set_locked(
    State(parts): State<Parts>,
    Path(user): Path<String>,
    body: Bytes,
) -> Result<Json<Done>, ApiError> {
    let asked: Switch = read(&body)?;
    let account = find(&parts, &user).await?;
    parts.accounts.set_locked(account.user, asked.value).await?;
    Ok(Json(Done {}))
}

/// DELETE /_hearth/v1/users/{user}: closes an account for good.
pub async fn deactivate(State(parts): State<Parts>, Path(user): Path<String>) -> Result<Json<Done>, ApiError> {
    let account = find(&parts, &user).await?;
    close(&parts.accounts, &parts.rooms, &parts.identity_servers, account, Closing::default()).await?;
    Ok(Json(Done {}))
}

async fn find(parts: &Parts, user: &str) -> Result<AccountRow, ApiError> {
    let found = parts.accounts.find(user).await?.filter(|account| account.deactivated_ts.is_none());
    found.ok_or_else(|| ApiError::not_found("There is no such account"))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::bad_json(error.to_string()))
}

fn to_user(row: AccountRow) -> User {
    User {
        user_id: row.user_id.to_string(),
        admin: row.admin,
        guest: row.guest,
        locked: row.locked,
        suspended: row.suspended,
        deactivated: row.deactivated_ts.is_some(),
        created_ts: row.created_ts,
    }
}
