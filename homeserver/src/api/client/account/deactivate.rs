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
        identity_servers::IdentityServers,
        rooms::{LocalUser, Rooms},
    },
    store::{AccountRow, Membership},
};

use super::removal_status;

pub async fn deactivate(
    (accounts, rooms, servers): (Accounts, Rooms, IdentityServers),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
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
    let id_server = request.id_server.as_deref();
    let unbound = close(&accounts, &rooms, &servers, account, Closing { erase: request.erase, id_server }).await?;
    Ok(Response::new(unbound))
}

/// How an account is closed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closing<'a> {
    /// Who comes into a room later sees nothing of what the user said.
    pub erase: bool,
    /// The identity server that forgets the user's addresses; all of them when it is not named.
    pub id_server: Option<&'a str>,
}

/// Takes the account's addresses back from identity servers, its devices and password, then its user out of all rooms.
pub async fn close(
    accounts: &Accounts,
    rooms: &Rooms,
    servers: &IdentityServers,
    account: AccountRow,
    Closing { erase, id_server }: Closing<'_>,
) -> Result<ThirdPartyIdRemovalStatus, ApiError> {
    let unbound = servers.unbind_all(account.user, &account.user_id, id_server).await?;
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
    Ok(removal_status(unbound))
}
