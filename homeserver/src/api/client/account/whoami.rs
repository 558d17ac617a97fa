//! GET /_matrix/client/v3/account/whoami: whose access token it is.

use ruma::api::client::account::whoami::v3::{Request, Response};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn whoami((): (), request: Ruma<Request>) -> Result<Response, ApiError> {
    let mut response = Response::new(request.sender.user_id.clone(), request.sender.guest);
    response.device_id = Some(request.sender.device_id.clone());
    Ok(response)
}
