//! POST /_matrix/media/v1/create: an id to upload to later.

use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedServerName, UInt,
    api::client::media::create_mxc_uri::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        media::Media,
    },
};

pub async fn create_mxc_uri(
    (media, accounts, server_name): (Media, Accounts, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    request.sender.not_suspended()?;
    request.sender.take(&accounts, "upload", Limit::UPLOAD)?;
    let (media_id, expires_ts) = media.reserve(request.sender.user).await?;
    let mut response = Response::new(format!("mxc://{server_name}/{media_id}").into());
    response.unused_expires_at = UInt::try_from(expires_ts).ok().map(MilliSecondsSinceUnixEpoch);
    Ok(response)
}
