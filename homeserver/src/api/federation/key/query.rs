//! GET /_matrix/key/v2/query/{serverName}: another server's keys, with our signature as a notary.

use ruma::api::federation::discovery::get_remote_server_keys::v2::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::federation::Federation,
};

use super::query_batch::notarise;

pub async fn query_keys(federation: Federation, request: Ruma<Request>) -> Result<Response, ApiError> {
    let until = request.minimum_valid_until_ts.get().into();
    let server_keys = notarise(&federation, vec![(request.server_name.clone(), until)]).await;
    Ok(Response::new(server_keys))
}
