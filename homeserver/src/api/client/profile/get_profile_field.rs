//! GET /_matrix/client/v3/profile/{userId}/{keyName}: one field of a user's profile.

use ruma::{
    api::client::profile::get_profile_field::v3::{Request, Response},
    profile::ProfileFieldValue,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{accounts::Accounts, appservices::Appservices, federation::Federation},
};

pub async fn get_profile_field(
    (accounts, federation, appservices): (Accounts, Federation, Appservices),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let mut fields = super::fields(&accounts, (&federation, &appservices), &request.user_id).await?;
    let field = request.field.as_str();
    let value = fields.remove(field).ok_or_else(|| ApiError::not_found("The profile does not have this field"))?;
    let value = ProfileFieldValue::new(field, value);
    Ok(Response::new(value.map_err(|_| ApiError::not_found("The field has no value that can be told"))?))
}
