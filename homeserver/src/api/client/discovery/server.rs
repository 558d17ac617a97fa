//! GET /.well-known/matrix/server: where other servers reach this one, when that is not where its name points to.

use std::sync::Arc;

use ruma::api::federation::discovery::discover_homeserver::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    config::Config,
};

pub async fn discover_server(config: Arc<Config>, _: Ruma<Request>) -> Result<Response, ApiError> {
    let name = config.delegated_name.clone();
    name.map(Response::new).ok_or_else(|| ApiError::not_found("This server is where its name points to"))
}
