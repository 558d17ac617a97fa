//! The owner's API of our homeserver, over its Unix socket.

use std::{path::Path, time::Duration};

use serde_json::json;

use crate::api::error::{AppError, ErrorCode};

const PATIENCE: Duration = Duration::from_secs(10);

/// Puts a peer's address ticket into the server's address book.
pub(crate) async fn add_peer(socket: &Path, ticket: &str) -> Result<(), AppError> {
    let failed = |error: reqwest::Error| {
        AppError::new(ErrorCode::Failed, "The person's address could not be kept.")
            .with_detail(crate::errors::chain(&error))
    };
    let client = reqwest::Client::builder().unix_socket(socket).no_proxy().timeout(PATIENCE).build().map_err(failed)?;
    let request = client.post("http://localhost/_hearth/v1/peers").json(&json!({ "ticket": ticket }));
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let detail = response.text().await.unwrap_or_default().chars().take(300).collect::<String>();
    Err(if status.is_client_error() {
        AppError::new(ErrorCode::BadInviteLink, "That invite link is damaged. Ask for a new one.").with_detail(detail)
    } else {
        AppError::new(ErrorCode::Failed, "The person's address could not be kept.").with_detail(detail)
    })
}
