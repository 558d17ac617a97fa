//! GET /_synapse/admin/v1/server_version: which program and which version this is.

use axum::Json;
use serde::Serialize;

/// What tools show of the server.
#[derive(Serialize)]
pub struct Version {
    server_version: &'static str,
}

/// Asked by everybody, as it is of Synapse.
pub async fn get() -> Json<Version> {
    Json(Version { server_version: concat!("Hearth ", env!("CARGO_PKG_VERSION")) })
}
