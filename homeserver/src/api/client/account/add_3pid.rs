//! POST /_matrix/client/v3/account/3pid/add: adds an address to the account, once a mail showed that it is the user's.

use ruma::api::client::account::add_3pid::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
    store::Purpose,
};

pub async fn add_3pid(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    if !accounts.sends_mail() {
        return Err(ApiError::forbidden("This server adds no addresses to accounts"));
    }
    // Nobody is asked for a password in vain.
    let shown = accounts.validated(Purpose::Add, request.sid.as_str(), request.client_secret.as_str()).await?;
    let operation = format!("add the address of {}", request.sid);
    accounts.prove_own(&request.sender.user_id, operation, request.auth.as_ref()).await?;
    accounts.add_threepid(request.sender.user, shown).await?;
    Ok(Response::new())
}
