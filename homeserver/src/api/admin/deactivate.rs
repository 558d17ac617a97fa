//! POST /_synapse/admin/v1/deactivate/{userId}: closes an account for good.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{
    client::account::deactivate::{Closing, close},
    error::ApiError,
    parts::Parts,
};

use super::{Administrator, account};

#[derive(Deserialize)]
pub struct Request {
    #[serde(default)]
    erase: bool,
}

pub async fn post(
    _: Administrator,
    State(parts): State<Parts>,
    Path(user): Path<String>,
    super::Json(request): super::Json<Request>,
) -> Result<Json<Value>, ApiError> {
    let account = account(&parts, &user).await?;
    let closing = Closing { erase: request.erase, id_server: None };
    let unbound = close(&parts.accounts, &parts.rooms, &parts.identity_servers, account, closing).await?;
    Ok(Json(json!({ "id_server_unbind_result": unbound })))
}
