//! GET and POST /_synapse/admin/v1/register: makes an account for whoever knows the shared secret, as Synapse does.

use axum::{Json, body::Bytes, extract::State};
use serde::{Deserialize, Serialize};

use crate::{
    api::{client::account::check_not_reserved, error::ApiError, parts::Parts},
    domain::accounts::{NewSession, SharedSecretRequest},
};

/// A number used once, that the request must carry.
#[derive(Serialize)]
pub struct Nonce {
    nonce: String,
}

#[derive(Deserialize)]
struct Request {
    nonce: String,
    username: String,
    password: String,
    #[serde(default)]
    admin: bool,
    user_type: Option<String>,
    displayname: Option<String>,
    mac: String,
    device_id: Option<String>,
    #[serde(default)]
    inhibit_login: bool,
}

/// The new account.
#[derive(Serialize)]
pub struct Response {
    user_id: String,
    home_server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
}

pub async fn nonce(State(parts): State<Parts>) -> Result<Json<Nonce>, ApiError> {
    let nonce = parts.accounts.shared_secret_nonce().ok_or_else(ApiError::unrecognized)?;
    Ok(Json(Nonce { nonce }))
}

pub async fn register(State(parts): State<Parts>, body: Bytes) -> Result<Json<Response>, ApiError> {
    let accounts = &parts.accounts;
    if parts.config.registration_secret.is_none() {
        return Err(ApiError::unrecognized());
    }
    let request: Request = serde_json::from_slice(&body).map_err(|error| ApiError::bad_json(error.to_string()))?;
    accounts.check_shared_secret(&SharedSecretRequest {
        nonce: &request.nonce,
        username: &request.username,
        password: &request.password,
        admin: request.admin,
        user_type: request.user_type.as_deref(),
        mac: &request.mac,
    })?;
    check_not_reserved(&parts.appservices, &accounts.available(&request.username).await?)?;
    let (user, user_id) = accounts.add(&request.username, Some(&request.password), request.admin).await?;
    if let Some(name) = request.displayname {
        accounts.set_display_name(user, name).await?;
    }
    let mut response = Response {
        user_id: user_id.to_string(),
        home_server: parts.server_name.to_string(),
        access_token: None,
        device_id: None,
    };
    if !request.inhibit_login {
        let device_id = request.device_id.map(Into::into);
        let session = accounts.sign_in(user, user_id, NewSession { device_id, ..NewSession::default() }).await?;
        response.access_token = Some(session.access_token);
        response.device_id = Some(session.device_id.to_string());
    }
    Ok(Json(response))
}
