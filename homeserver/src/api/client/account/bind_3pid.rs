//! POST /_matrix/client/v3/account/3pid/bind: lets an identity server tell others whose an address is.

use ruma::api::client::account::bind_3pid::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::identity_servers::IdentityServers,
};

pub async fn bind_3pid(servers: IdentityServers, request: Ruma<Request>) -> Result<Response, ApiError> {
    let (sender, info) = (&request.sender, &request.identity_server_info);
    let shown = (&*request.sid, &*request.client_secret);
    servers.bind(sender.user, &sender.user_id, &info.id_server, &info.id_access_token, shown).await?;
    Ok(Response::new())
}
