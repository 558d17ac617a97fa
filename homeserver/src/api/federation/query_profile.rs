//! GET /_matrix/federation/v1/query/profile: the profile of one of our users.

use ruma::{
    OwnedServerName,
    api::federation::query::get_profile_information::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::Appservices,
    store::Store,
};

pub async fn query_profile(
    (store, server_name, appservices): (Store, OwnedServerName, Appservices),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    if request.user_id.server_name() != server_name {
        return Err(ApiError::invalid_param("The user is not of this server"));
    }
    appservices.ensure_user(&request.user_id).await?;
    let mut db = store.read().await?;
    let account = db.account(&request.user_id).await?.filter(|account| account.deactivated_ts.is_none());
    let account = account.ok_or_else(|| ApiError::not_found("There is no such user"))?;
    let fields = db.profile_fields(account.user).await?;
    let asked = |field: &str| request.field.as_ref().is_none_or(|asked| asked.as_str() == field);
    let shown = fields.into_iter().filter(|(field, _)| asked(field));
    Ok(shown.filter_map(|(field, value)| Some((field, serde_json::from_str(&value).ok()?))).collect())
}
