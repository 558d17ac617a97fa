//! Meeting points for signing in by QR code, in both forms that clients speak.

use ruma::api::error::ErrorKind;

use crate::{api::error::ApiError, domain::accounts::rendezvous::RendezvousError};

pub mod msc4108;
pub mod msc4388;

/// `changed` is the errcode, and the name of its field, when somebody else was faster.
fn refused(error: RendezvousError, status: http::StatusCode, field: &str, changed: &str) -> ApiError {
    let message = error.to_string();
    match error {
        RendezvousError::NotFound => ApiError::not_found(message),
        RendezvousError::TooLarge => ApiError::too_large(message),
        RendezvousError::Changed(_) => {
            let mut error = ApiError::with_status(status, ErrorKind::Unknown, message);
            error.body.insert(field.to_owned(), changed.into());
            error
        }
    }
}
