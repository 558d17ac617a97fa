//! POST /_matrix/client/v3/account/3pid/unbind: takes an address back from an identity server.

use ruma::api::client::account::unbind_3pid::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::identity_servers::IdentityServers,
};

use super::removal_status;

pub async fn unbind_3pid(servers: IdentityServers, request: Ruma<Request>) -> Result<Response, ApiError> {
    let (sender, threepid) = (&request.sender, (&request.medium, &*request.address));
    let taken = servers.unbind(sender.user, &sender.user_id, request.id_server.as_deref(), threepid).await?;
    Ok(Response::new(removal_status(taken)))
}
