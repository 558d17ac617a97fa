//! POST /_matrix/client/v3/rooms/{roomId}/report: reports a room; nobody need be in it for that.

use ruma::api::client::room::report_room::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
    store::{Durability, NewReport, Store, StoreError},
};

use super::check;

pub async fn report_room((store, accounts): (Store, Accounts), request: Ruma<Request>) -> Result<Response, ApiError> {
    check(&accounts, &request.sender, &request.reason)?;
    let room = store.read().await?.room_sn(&request.room_id).await?;
    let room = room.ok_or_else(|| ApiError::not_found("The room was not found"))?;
    let (reporter, reason) = (request.sender.user, request.reason.clone());
    store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move {
                tx.put_report(NewReport { reporter, room: Some(room), event_id: None, user: None, reason: &reason })
                    .await
            })
        })
        .await?;
    Ok(Response::new())
}
