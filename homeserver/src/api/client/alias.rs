//! Room aliases of this server.

pub mod create_alias;
pub mod delete_alias;
pub mod get_alias;

use ruma::{RoomAliasId, api::error::ErrorKind};

use crate::{
    api::{auth::Sender, error::ApiError},
    domain::appservices::Appservices,
};

/// Refuses aliases that are an application service's alone, and to a service those that are not its own.
pub(super) fn check_owner(appservices: &Appservices, sender: &Sender, alias: &RoomAliasId) -> Result<(), ApiError> {
    let service = sender.appservice.as_deref();
    let foreign = service.is_some_and(|service| !service.holds_alias(alias));
    if foreign || appservices.is_reserved_alias(alias, service) {
        return Err(ApiError::new(ErrorKind::Exclusive, "This alias is not yours to make or to take away"));
    }
    Ok(())
}
