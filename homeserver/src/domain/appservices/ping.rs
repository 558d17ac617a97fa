//! Whether the server reaches a service, asked by the service itself.

use std::time::Duration;

use http::StatusCode;
use ruma::{OwnedTransactionId, api::appservice::ping::send_ping::v1 as send};
use tokio::time::Instant;

use crate::domain::federation::SendError;

use super::{
    Appservice, Appservices,
    client::{QUESTION, build},
};

/// Bytes of a wrong answer that are told.
const TOLD: usize = 4096;

/// The service is not reached.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    #[error("the application service's registration has no url")]
    NoUrl,
    #[error("the application service cannot be reached")]
    Failed,
    #[error("the application service did not answer in time")]
    Timeout,
    #[error("the application service answered {status}")]
    BadStatus { status: StatusCode, body: String },
}

impl Appservices {
    /// Sends a ping and says how long it took.
    pub async fn ping(
        &self,
        service: &Appservice,
        transaction_id: Option<OwnedTransactionId>,
    ) -> Result<Duration, PingError> {
        let mut request = send::Request::new();
        request.transaction_id = transaction_id;
        let request = build(service, request).ok_or(PingError::NoUrl)?;
        let begun = Instant::now();
        let answer = self.exchange(service, request, QUESTION).await.map_err(|error| match error {
            SendError::Timeout => PingError::Timeout,
            error => {
                tracing::info!(service = service.id(), %error, "An application service asked for a ping and is not reached.");
                PingError::Failed
            }
        })?;
        if answer.status() != StatusCode::OK {
            let mut body = String::from_utf8_lossy(answer.body()).into_owned();
            body.truncate(body.floor_char_boundary(TOLD));
            return Err(PingError::BadStatus { status: answer.status(), body });
        }
        service.heard_from();
        Ok(begun.elapsed())
    }
}
