//! POST /_matrix/key/v2/query: several servers' keys, with our signature as a notary.

use std::time::Duration;

use futures_util::StreamExt as _;
use ruma::{
    OwnedServerName,
    api::federation::discovery::{
        ServerSigningKeys,
        get_remote_server_keys_batch::v2::{Request, Response},
    },
    serde::Raw,
};
use serde_json::value::RawValue;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::federation::Federation,
};

/// Servers that one request may ask for.
const SERVERS: usize = 100;
/// Servers asked at the same time, and how long all of them together may take.
const PARALLEL: usize = 8;
const DEADLINE: Duration = Duration::from_secs(12);

pub async fn query_keys(
    (federation, clock): (Federation, Clock),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    if request.server_keys.len() > SERVERS {
        return Err(ApiError::too_large("Too many servers in one request"));
    }
    let now = clock.now_ms();
    let servers = request.server_keys.iter().map(|(server, keys)| {
        let asked = keys.values().filter_map(|criteria| criteria.minimum_valid_until_ts).max();
        (server.clone(), asked.map_or(now, |ts| ts.get().into()))
    });
    Ok(Response::new(notarise(&federation, servers.collect()).await))
}

/// The answers of the servers that gave one in time.
pub(super) async fn notarise(
    federation: &Federation,
    servers: Vec<(OwnedServerName, i64)>,
) -> Vec<Raw<ServerSigningKeys>> {
    let keyring = &federation.keyring;
    let answers = futures_util::stream::iter(servers)
        .map(async |(server, until)| match keyring.notarise(&server, until).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(server = %server, error = &error as &dyn std::error::Error, "A server's keys could not be notarised.");
                None
            }
        })
        .buffer_unordered(PARALLEL)
        .take_until(tokio::time::sleep(DEADLINE));
    answers.filter_map(async |answer| Some(Raw::from_json(RawValue::from_string(answer?).ok()?))).collect().await
}
