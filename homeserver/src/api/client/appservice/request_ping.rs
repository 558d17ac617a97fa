//! POST /_matrix/client/v1/appservice/{appserviceId}/ping: whether the server reaches the service.

use http::StatusCode;
use ruma::api::{
    client::appservice::request_ping::v1::{Request, Response},
    error::{BadStatusErrorData, ErrorKind},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::{Appservices, PingError},
};

pub async fn request_ping(appservices: Appservices, request: Ruma<Request>) -> Result<Response, ApiError> {
    if request.appservice_id != request.sender.id() {
        return Err(ApiError::forbidden("The token belongs to another application service"));
    }
    let took = appservices.ping(&request.sender, request.transaction_id.clone()).await.map_err(refused)?;
    Ok(Response::new(took))
}

fn refused(error: PingError) -> ApiError {
    let message = error.to_string();
    match error {
        PingError::NoUrl => ApiError::with_status(StatusCode::BAD_REQUEST, ErrorKind::UrlNotSet, message),
        PingError::Failed => ApiError::with_status(StatusCode::BAD_GATEWAY, ErrorKind::ConnectionFailed, message),
        PingError::Timeout => ApiError::with_status(StatusCode::GATEWAY_TIMEOUT, ErrorKind::ConnectionTimeout, message),
        PingError::BadStatus { status, body } => {
            let kind = ErrorKind::BadStatus(BadStatusErrorData::new());
            let mut error = ApiError::with_status(StatusCode::BAD_GATEWAY, kind, message);
            error.body.insert("status".to_owned(), status.as_u16().into());
            error.body.insert("body".to_owned(), body.into());
            error
        }
    }
}
