//! POST /_matrix/client/v3/account/deactivate: closes the account for good; its user leaves all rooms.

use ruma::api::client::{
    account::{
        ThirdPartyIdRemovalStatus,
        deactivate::v3::{Request, Response},
    },
    uiaa::AuthType,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::{AccountError, Accounts, uia::Operation},
        rooms::{LocalUser, Rooms},
    },
    store::{AccountRow, Membership},
};

pub async fn deactivate((accounts, rooms): (Accounts, Rooms), request: Ruma<Request>) -> Result<Response, ApiError> {
    let user_id = match &request.sender {
        Some(sender) => {
            accounts.prove_own(&sender.user_id, "deactivate".to_owned(), request.auth.as_ref()).await?;
            sender.user_id.clone()
        }
        None => {
            let flows = vec![vec![AuthType::Password]];
            let operation = Operation { name: "deactivate".to_owned(), flows, user: None, mail: None };
            let proof = accounts.prove(operation, request.auth.as_ref()).await?;
            proof.user.ok_or(AccountError::WrongPassword)?
        }
    };
    let account = accounts.find(user_id.as_str()).await?.ok_or(AccountError::WrongPassword)?;
    close(&accounts, &rooms, account, request.erase).await?;
    Ok(Response::new(ThirdPartyIdRemovalStatus::Success))
}

/// Takes the account's devices and password, then its user out of all rooms.
pub async fn close(accounts: &Accounts, rooms: &Rooms, account: AccountRow, erase: bool) -> Result<(), ApiError> {
    accounts.deactivate(account.user, erase).await?;
    let user = LocalUser { user: account.user, user_id: account.user_id, device_id: "CLOSED".into() };
    let there = {
        let mut db = rooms.store().read().await?;
        let mut there = Vec::new();
        for mine in db.local_memberships(user.user).await? {
            if matches!(mine.membership, Membership::Join | Membership::Invite | Membership::Knock) {
                there.push(db.room_id(mine.room_sn).await?);
            }
        }
        there
    };
    for room_id in there {
        if let Err(error) = rooms.leave(&user, &room_id, None).await {
            tracing::warn!(%room_id, %error, "A closed account could not leave a room.");
        }
    }
    Ok(())
}
