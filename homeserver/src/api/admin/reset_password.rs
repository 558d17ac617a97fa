//! POST /_synapse/admin/v1/reset_password/{userId}: gives an account another password.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{error::ApiError, parts::Parts};

use super::{Administrator, account};

/// Has no `Debug`: it holds a password.
#[derive(Deserialize)]
pub struct Request {
    new_password: String,
    #[serde(default = "yes")]
    logout_devices: bool,
}

fn yes() -> bool {
    true
}

pub async fn post(
    _: Administrator,
    State(parts): State<Parts>,
    Path(user): Path<String>,
    super::Json(request): super::Json<Request>,
) -> Result<Json<Value>, ApiError> {
    let account = account(&parts, &user).await?;
    if account.deactivated_ts.is_some() {
        return Err(ApiError::invalid_param("The account was closed, and that is for good"));
    }
    parts.accounts.set_password(account.user, &request.new_password).await?;
    if request.logout_devices {
        parts.accounts.delete_all_devices(account.user, None).await?;
    }
    Ok(Json(json!({})))
}
