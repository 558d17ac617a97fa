//! DELETE /_matrix/client/v3/profile/{userId}/{keyName}: removes one field of the user's profile.

use ruma::api::client::profile::delete_profile_field::v3::{Request, Response};

use super::set_profile_field::change;
use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    domain::{accounts::Accounts, ephemeral::Ephemeral, rooms::Rooms},
};

pub async fn delete_profile_field(
    (accounts, rooms, ephemeral): (Accounts, Rooms, Ephemeral),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    request.sender.not_suspended()?;
    change((&accounts, &rooms, &ephemeral), &request, request.field.as_str().to_owned(), None).await?;
    Ok(Response::new())
}
