//! GET /_matrix/client/v3/notifications: what one was notified of.

use ruma::{
    MilliSecondsSinceUnixEpoch, UInt,
    api::client::push::get_notifications::v3::{Notification, Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::sync::{Sync, SyncToken},
};

use super::sync::viewer;

const LIMIT: u32 = 50;
const MOST: u32 = 500;

pub async fn get_notifications(sync: Sync, request: Ruma<Request>) -> Result<Response, ApiError> {
    let before = request.from.as_deref().map(str::parse::<SyncToken>).transpose()?.map(|token| token.position);
    let limit = request.limit.map_or(LIMIT, |limit| u32::try_from(u64::from(limit)).unwrap_or(MOST)).clamp(1, MOST);
    let highlights = request.only.as_deref() == Some("highlight");
    let (past, next) = sync.notifications(&viewer(&request.sender), before, highlights, limit).await?;
    let notifications = past
        .into_iter()
        .map(|one| {
            let ts = MilliSecondsSinceUnixEpoch(UInt::try_from(one.ts).unwrap_or_default());
            Notification::new(one.actions, one.event, one.read, one.room_id, ts)
        })
        .collect();
    let mut response = Response::new(notifications);
    response.next_token = next.map(|next| SyncToken::at(next).to_string());
    Ok(response)
}
