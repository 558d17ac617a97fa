//! GET /_matrix/client/v3/sync: everything new since a token.

use std::{collections::BTreeMap, time::Duration};

use bytes::BufMut;
use http::header;
use ruma::{
    OneTimeKeyAlgorithm, UInt,
    api::{
        IncomingRequest, OutgoingResponse,
        client::{
            filter::FilterDefinition,
            sync::sync_events::{
                DeviceLists,
                v3::{self as api, Filter},
            },
        },
        error::{FromHttpRequestError, IntoHttpError},
    },
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    api::{
        client::presence::known,
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
    domain::sync::{Query, Sync, SyncToken},
};

use super::viewer;

/// ruma's request, with the name that `use_state_after` had before it was stable.
pub struct Request {
    request: api::Request,
    unstable_state_after: bool,
}

pub async fn sync_events(sync: Sync, request: Ruma<Request>) -> Result<Response, ApiError> {
    let viewer = viewer(&request.sender);
    let Request { request: asked, unstable_state_after } = &request.request;
    known(&asked.set_presence)?;
    let filter = match &asked.filter {
        None => FilterDefinition::default(),
        Some(Filter::FilterDefinition(filter)) => filter.clone(),
        Some(Filter::FilterId(id)) => sync.filter(&viewer, id).await?,
        Some(_) => return Err(ApiError::invalid_param("The filter is neither an id nor a definition")),
    };
    let query = Query {
        filter,
        since: asked.since.as_deref().map(str::parse::<SyncToken>).transpose()?,
        full_state: asked.full_state,
        timeout: asked.timeout.unwrap_or(Duration::ZERO),
        state_after: asked.use_state_after || *unstable_state_after,
        set_presence: asked.set_presence.clone(),
    };
    let response = sync.v3(&viewer, &query).await?;
    Ok(Response { response, unstable_state_after: *unstable_state_after && !asked.use_state_after })
}

same_endpoint!(Request, api::Request);

impl IncomingRequest for Request {
    type EndpointError = <api::Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = Response;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        let query = request.uri().query().unwrap_or_default();
        let unstable_state_after = query.split('&').any(|pair| pair == "org.matrix.msc4222.use_state_after=true");
        Ok(Self { request: api::Request::try_from_http_request(request, path_args)?, unstable_state_after })
    }
}

/// ruma's answer, written by us: its own writing leaves `rooms` out when there is nothing but knocks.
pub struct Response {
    response: api::Response,
    unstable_state_after: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    next_batch: &'a str,
    #[serde(skip_serializing_if = "no_rooms")]
    rooms: &'a api::Rooms,
    #[serde(skip_serializing_if = "api::Presence::is_empty")]
    presence: &'a api::Presence,
    #[serde(skip_serializing_if = "api::GlobalAccountData::is_empty")]
    account_data: &'a api::GlobalAccountData,
    #[serde(skip_serializing_if = "api::ToDevice::is_empty")]
    to_device: &'a api::ToDevice,
    #[serde(skip_serializing_if = "DeviceLists::is_empty")]
    device_lists: &'a DeviceLists,
    device_one_time_keys_count: &'a BTreeMap<OneTimeKeyAlgorithm, UInt>,
    device_unused_fallback_key_types: &'a Option<Vec<OneTimeKeyAlgorithm>>,
}

fn no_rooms(rooms: &api::Rooms) -> bool {
    rooms.is_empty() && rooms.knock.is_empty()
}

impl OutgoingResponse for Response {
    fn try_into_http_response<T: Default + BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        let response = &self.response;
        let body = Body {
            next_batch: &response.next_batch,
            rooms: &response.rooms,
            presence: &response.presence,
            account_data: &response.account_data,
            to_device: &response.to_device,
            device_lists: &response.device_lists,
            device_one_time_keys_count: &response.device_one_time_keys_count,
            device_unused_fallback_key_types: &response.device_unused_fallback_key_types,
        };
        let json = if self.unstable_state_after {
            let mut value = serde_json::to_value(&body)?;
            rename_state_after(&mut value);
            serde_json::to_vec(&value)?
        } else {
            serde_json::to_vec(&body)?
        };
        let mut bytes = T::default();
        bytes.put_slice(&json);
        Ok(http::Response::builder().header(header::CONTENT_TYPE, "application/json").body(bytes)?)
    }
}

fn rename_state_after(body: &mut Value) {
    for section in ["join", "leave"] {
        let rooms = body.get_mut("rooms").and_then(|rooms| rooms.get_mut(section)).and_then(Value::as_object_mut);
        for room in rooms.into_iter().flat_map(|rooms| rooms.values_mut()).filter_map(Value::as_object_mut) {
            if let Some(state) = room.remove("state_after") {
                room.insert("org.matrix.msc4222.state_after".to_owned(), state);
            }
        }
    }
}
