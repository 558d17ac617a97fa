//! POST /_matrix/client/v3/account/3pid/delete: takes an address from the account, and back from the identity server that has it.

use ruma::api::client::account::delete_3pid::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::Accounts,
        identity_servers::{IdentityError, IdentityServers},
    },
};

use super::removal_status;

pub async fn delete_3pid(
    (accounts, servers): (Accounts, IdentityServers),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let sender = &request.sender;
    accounts.delete_threepid(sender.user, &request.medium, &request.address).await?;
    let threepid = (&request.medium, &*request.address);
    let taken = match servers.unbind(sender.user, &sender.user_id, request.id_server.as_deref(), threepid).await {
        Ok(taken) => taken,
        Err(IdentityError::Store(error)) => return Err(error.into()),
        // The account has it no more, whatever others say.
        Err(error) => {
            tracing::warn!(%error, "An address could not be taken back.");
            false
        }
    };
    Ok(Response::new(removal_status(taken)))
}
