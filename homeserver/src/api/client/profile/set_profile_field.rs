//! PUT /_matrix/client/v3/profile/{userId}/{keyName}: sets one field of the user's profile; rooms are told of names and pictures.

use ruma::api::client::profile::set_profile_field::v3::{Request, Response};
use serde_json::{Map, Value};

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::Accounts,
        ephemeral::Ephemeral,
        rooms::{LocalUser, Rooms},
    },
};

pub async fn set_profile_field(
    (accounts, rooms, ephemeral): (Accounts, Rooms, Ephemeral),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    request.sender.not_suspended()?;
    let field = request.value.field_name().as_str().to_owned();
    let mut body: Map<String, Value> =
        serde_json::from_slice(&request.body).map_err(|_| ApiError::bad_json("The body is not a JSON object"))?;
    let value = body.remove(&field).ok_or_else(|| ApiError::missing_param("The field is missing"))?;
    change((&accounts, &rooms, &ephemeral), &request, field, Some(value)).await?;
    Ok(Response::new())
}

/// Sets or removes a field and tells rooms where they show it.
pub(super) async fn change<R>(
    (accounts, rooms, ephemeral): (&Accounts, &Rooms, &Ephemeral),
    request: &Ruma<R>,
    field: String,
    value: Option<Value>,
) -> Result<(), ApiError>
where
    R: ruma::api::IncomingRequest<Authentication = ruma::api::auth_scheme::AccessToken>,
{
    let shown = matches!(field.as_str(), "displayname" | "avatar_url");
    // An empty name is no name.
    let value = value.filter(|value| !shown || value.as_str() != Some(""));
    let sender = &request.sender;
    let changed = accounts.set_profile_field(sender.user, field, value).await?;
    if shown && changed {
        let user =
            LocalUser { user: sender.user, user_id: sender.user_id.clone(), device_id: sender.device_id.clone() };
        rooms.update_profile(&user).await.map_err(|error| ApiError::internal(&error))?;
        ephemeral.profile_changed(user.user, &user.user_id).await?;
    }
    Ok(())
}
