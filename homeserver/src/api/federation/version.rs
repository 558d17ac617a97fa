//! GET /_matrix/federation/v1/version: what this server is.

use ruma::api::federation::discovery::get_server_version::v1::{Request, Response, Server};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn get_version((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    let mut server = Server::new();
    server.name = Some("Hearth".to_owned());
    server.version = Some(env!("CARGO_PKG_VERSION").to_owned());
    let mut response = Response::new();
    response.server = Some(server);
    Ok(response)
}
