//! GET /_matrix/client/v3/account/whoami: whose access token it is.

use ruma::api::client::account::whoami::v3::{Request, Response};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn whoami((): (), request: Ruma<Request>) -> Result<Response, ApiError> {
    let mut response = Response::new(request.sender.user_id.clone(), request.sender.guest);
    let device_id = &request.sender.device_id;
    response.device_id = (!device_id.as_str().is_empty()).then(|| device_id.clone());
    Ok(response)
}
