//! POST /_matrix/client/v3/users/{userId}/report: reports a user; no room need be shared for that.

use ruma::{
    OwnedServerName,
    api::client::reporting::report_user::v3::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
    store::{Durability, NewReport, Store, StoreError},
};

use super::check;

pub async fn report_user(
    (store, accounts, server_name): (Store, Accounts, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    check(&accounts, &request.sender, &request.reason)?;
    let mut db = store.read().await?;
    let user = if request.user_id.server_name() == server_name {
        db.account(&request.user_id).await?.map(|account| account.user)
    } else {
        db.user_sn(&request.user_id).await?
    };
    drop(db);
    let user = user.ok_or_else(|| ApiError::not_found("The user was not found"))?;
    let (reporter, reason) = (request.sender.user, request.reason.clone());
    store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move {
                tx.put_report(NewReport { reporter, room: None, event_id: None, user: Some(user), reason: &reason })
                    .await
            })
        })
        .await?;
    Ok(Response::new())
}
