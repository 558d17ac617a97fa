//! GET /_matrix/client/v3/profile/{userId}: all fields of a user's profile.

use ruma::api::client::profile::get_profile::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{accounts::Accounts, appservices::Appservices, federation::Federation},
};

pub async fn get_profile(
    (accounts, federation, appservices): (Accounts, Federation, Appservices),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    Ok(super::fields(&accounts, (&federation, &appservices), &request.user_id).await?.into_iter().collect())
}
