//! POST /_matrix/client/v3/account/password: another password, once the old one is given or a mail confirmed.

use ruma::{
    UserId,
    api::client::{
        account::change_password::v3::{Request, Response},
        uiaa::AuthType,
    },
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::{
        AccountError, Accounts,
        uia::{Operation, Proof},
    },
    store::{AccountRow, Purpose},
};

pub async fn change_password(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let account = match &request.sender {
        Some(sender) => {
            accounts.prove_own(&sender.user_id, "password".to_owned(), request.auth.as_ref()).await?;
            set(&accounts, &sender.user_id, &request.new_password).await?
        }
        None => {
            let mut flows = vec![vec![AuthType::Password]];
            if accounts.sends_mail() {
                flows.push(vec![AuthType::EmailIdentity]);
            }
            let mail = Some(Purpose::Password);
            let operation = Operation { name: "password".to_owned(), flows, user: None, mail };
            match accounts.prove(operation, request.auth.as_ref()).await? {
                Proof { address: Some(shown), .. } => accounts.reset_password(shown, &request.new_password).await?,
                Proof { user: Some(user_id), .. } => set(&accounts, &user_id, &request.new_password).await?,
                _ => return Err(AccountError::WrongPassword.into()),
            }
        }
    };
    if request.logout_devices {
        let keep = request.sender.as_ref().map(|sender| &*sender.device_id);
        accounts.delete_all_devices(account.user, keep).await?;
    }
    Ok(Response::new())
}

async fn set(accounts: &Accounts, user_id: &UserId, password: &str) -> Result<AccountRow, ApiError> {
    let account = accounts.find(user_id.as_str()).await?.ok_or(AccountError::WrongPassword)?;
    accounts.set_password(account.user, password).await?;
    Ok(account)
}
