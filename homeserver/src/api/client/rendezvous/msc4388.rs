//! POST /_matrix/client/unstable/io.element.msc4388/rendezvous: makes a meeting point; its other operations use it.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use ruma::api::client::rendezvous::{
    create_rendezvous_session::unstable_msc4388 as create_session,
    delete_rendezvous_session::unstable as delete_session, discover_rendezvous::unstable as discover_sessions,
    get_rendezvous_session::unstable as get_session, update_rendezvous_session::unstable as update_session,
};

use crate::{
    api::{error::ApiError, peer::peer_key, ruma_route::Ruma},
    clock::Clock,
    domain::accounts::{
        Accounts, Limit,
        rendezvous::{Point, RendezvousError},
    },
};

/// GET /_matrix/client/unstable/io.element.msc4388/rendezvous: whether one can be made.
pub async fn discover((): (), _: Ruma<discover_sessions::Request>) -> Result<discover_sessions::Response, ApiError> {
    Ok(discover_sessions::Response::new(true))
}

pub async fn create(
    (accounts, clock): (Accounts, Clock),
    request: Ruma<create_session::Request>,
) -> Result<create_session::Response, ApiError> {
    if let Some(key) = peer_key(&request.head.extensions) {
        accounts.limits().take(&format!("rendezvous {key}"), Limit::MEET)?;
    }
    let data = Bytes::from(request.request.data);
    let (id, point) = accounts.rendezvous().create(data).map_err(refused)?;
    let left = time_left(&clock, &point);
    Ok(create_session::Response::new(id, point.version, left))
}

/// GET /_matrix/client/unstable/io.element.msc4388/rendezvous/{id}: what lies there.
pub async fn get(
    (accounts, clock): (Accounts, Clock),
    request: Ruma<get_session::Request>,
) -> Result<get_session::Response, ApiError> {
    // Payloads are for programs: a page that a person is led to must not show them.
    let destination = request.head.headers.get("sec-fetch-dest").map(|value| value.as_bytes());
    if destination.is_some_and(|destination| destination != b"empty") {
        return Err(ApiError::forbidden("This is for programs, not for pages"));
    }
    let point = accounts.rendezvous().get(&request.id).map_err(refused)?;
    let left = time_left(&clock, &point);
    let data = String::from_utf8(point.data.to_vec()).map_err(|_| refused(RendezvousError::NotFound))?;
    Ok(get_session::Response::new(point.version, data, left))
}

/// PUT /_matrix/client/unstable/io.element.msc4388/rendezvous/{id}: lays other data there.
pub async fn update(
    accounts: Accounts,
    request: Ruma<update_session::Request>,
) -> Result<update_session::Response, ApiError> {
    let update_session::Request { id, sequence_token, data, .. } = request.request;
    let point = accounts.rendezvous().update(&id, &sequence_token, Bytes::from(data)).map_err(refused)?;
    Ok(update_session::Response::new(point.version))
}

/// DELETE /_matrix/client/unstable/io.element.msc4388/rendezvous/{id}: ends the meeting.
pub async fn delete(
    accounts: Accounts,
    request: Ruma<delete_session::Request>,
) -> Result<delete_session::Response, ApiError> {
    accounts.rendezvous().delete(&request.id).map_err(refused)?;
    Ok(delete_session::Response::new())
}

fn refused(error: RendezvousError) -> ApiError {
    super::refused(error, StatusCode::CONFLICT, "errcode", "IO_ELEMENT_MSC4388_CONCURRENT_WRITE")
}

fn time_left(clock: &Clock, point: &Point) -> Duration {
    Duration::from_millis(u64::try_from(point.expires_ts - clock.now_ms()).unwrap_or_default())
}
