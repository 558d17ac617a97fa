//! Third-party networks, as application services bridge them.

pub mod get_location_for_protocol;
pub mod get_location_for_room_alias;
pub mod get_protocol;
pub mod get_protocols;
pub mod get_user_for_protocol;
pub mod get_user_for_user_id;

use std::collections::BTreeMap;

use crate::api::error::ApiError;

/// Fields that are handed on, and bytes of each.
const FIELDS: usize = 50;
const FIELD: usize = 4096;

fn unknown() -> ApiError {
    ApiError::not_found("No application service bridges this protocol")
}

/// The query's fields without what concerns our own server.
fn fields(query: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    let ours = ["access_token", "user_id", "device_id", "org.matrix.msc3202.device_id"];
    let fields: BTreeMap<String, String> = query
        .iter()
        .filter(|(name, _)| !ours.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if fields.len() > FIELDS || fields.iter().any(|(name, value)| name.len() + value.len() > FIELD) {
        return Err(ApiError::invalid_param("There are too many fields, or they are too long"));
    }
    Ok(fields)
}
