//! POST /_matrix/client/v3/rooms/{roomId}/report/{eventId}: reports an event of a room that the user is in.

use ruma::api::client::room::report_content::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
    store::{Durability, Membership, NewReport, Store, StoreError},
};

use super::check;

pub async fn report_content(
    (store, accounts): (Store, Accounts),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let reason = request.reason.clone().unwrap_or_default();
    check(&accounts, &request.sender, &reason)?;
    let unknown = || ApiError::not_found("The event was not found, or you are not in its room");
    let mut db = store.read().await?;
    let room = db.room_sn(&request.room_id).await?.ok_or_else(unknown)?;
    let mine = db.local_membership(request.sender.user, room).await?;
    let event = db.event(&request.event_id).await?.filter(|event| event.room == room && event.position.is_some());
    if event.is_none() || mine.is_none_or(|mine| mine.membership != Membership::Join) {
        return Err(unknown());
    }
    drop(db);
    let (reporter, event_id) = (request.sender.user, request.event_id.clone());
    store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move {
                let event_id = Some(&*event_id);
                tx.put_report(NewReport { reporter, room: Some(room), event_id, user: None, reason: &reason }).await
            })
        })
        .await?;
    Ok(Response::new())
}
