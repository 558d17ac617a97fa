//! Profiles: a display name, a picture, and whatever else people tell of themselves.

use http::StatusCode;
use ruma::{
    UserId,
    api::{error::ErrorKind, federation::query::get_profile_information},
};
use serde_json::{Map, Value};

use crate::{
    api::error::ApiError,
    domain::{
        accounts::Accounts,
        appservices::Appservices,
        federation::{Deadline, Federation, FederationError},
    },
};

pub mod delete_profile_field;
pub mod get_profile;
pub mod get_profile_field;
pub mod set_profile_field;

fn unknown() -> ApiError {
    ApiError::not_found("There is no such profile")
}

/// All fields of a user's profile; those of other servers are asked for there, now and then.
async fn fields(
    accounts: &Accounts,
    (federation, appservices): (&Federation, &Appservices),
    user_id: &UserId,
) -> Result<Map<String, Value>, ApiError> {
    if accounts.is_local(user_id) {
        if let Some(fields) = accounts.profile(user_id).await? {
            return Ok(fields);
        }
        // Perhaps a bridge makes the user now.
        appservices.ensure_user(user_id).await?;
        return accounts.profile(user_id).await?.ok_or_else(unknown);
    }
    if let Some(fields) = accounts.fresh_profile(user_id).await? {
        return Ok(fields);
    }
    let request = get_profile_information::v1::Request::new(user_id.to_owned());
    match federation.client.request(user_id.server_name(), request, Deadline::Query).await {
        Ok(answer) => {
            let fields = answer.iter().map(|(field, value)| (field.clone(), value.clone())).collect();
            Ok(accounts.cache_profile(user_id, fields).await?)
        }
        // What was heard last is better than nothing.
        Err(error) => match accounts.profile(user_id).await? {
            Some(fields) if !fields.is_empty() => Ok(fields),
            _ => Err(not_told(&error)),
        },
    }
}

fn not_told(error: &FederationError) -> ApiError {
    match error.kind() {
        Some(ErrorKind::NotFound) => unknown(),
        Some(ErrorKind::Forbidden) => ApiError::forbidden("The user's server does not tell this profile"),
        _ => ApiError::with_status(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, "The user's server does not answer"),
    }
}
