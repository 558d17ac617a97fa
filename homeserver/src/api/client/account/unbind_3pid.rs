//! POST /_matrix/client/v3/account/3pid/unbind: takes an address back from an identity server; this server works with none.

use ruma::api::client::account::{
    ThirdPartyIdRemovalStatus,
    unbind_3pid::v3::{Request, Response},
};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn unbind_3pid((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}
