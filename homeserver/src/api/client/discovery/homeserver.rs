//! GET /.well-known/matrix/client: the URL under which clients reach this server.

use std::sync::Arc;

use ruma::api::client::discovery::discover_homeserver::{HomeserverInfo, Request, Response};

use crate::{
    api::{base_url, error::ApiError, ruma_route::Ruma},
    config::Config,
};

pub async fn discover_homeserver(config: Arc<Config>, request: Ruma<Request>) -> Result<Response, ApiError> {
    let base_url = base_url::to_tell(&config, &request.head)
        .ok_or_else(|| ApiError::not_found("This server has no URL that all clients reach"))?;
    let mut response = Response::new(HomeserverInfo::new(base_url));
    response.rtc_foci.clone_from(&config.rtc_transports);
    Ok(response)
}
