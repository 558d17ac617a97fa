//! POST /_matrix/client/v3/account/password: another password, once the old one is given.

use ruma::api::client::{
    account::change_password::v3::{Request, Response},
    uiaa::AuthType,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::{AccountError, Accounts, uia::Operation},
};

pub async fn change_password(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let user_id = match &request.sender {
        Some(sender) => {
            accounts.prove_own(&sender.user_id, "password".to_owned(), request.auth.as_ref()).await?;
            sender.user_id.clone()
        }
        None => {
            let flows = vec![vec![AuthType::Password]];
            let operation = Operation { name: "password".to_owned(), flows, user: None };
            let proof = accounts.prove(operation, request.auth.as_ref()).await?;
            proof.user.ok_or(AccountError::WrongPassword)?
        }
    };
    let account = accounts.find(user_id.as_str()).await?.ok_or(AccountError::WrongPassword)?;
    accounts.set_password(account.user, &request.new_password).await?;
    if request.logout_devices {
        let keep = request.sender.as_ref().map(|sender| &*sender.device_id);
        accounts.delete_all_devices(account.user, keep).await?;
    }
    Ok(Response::new())
}
