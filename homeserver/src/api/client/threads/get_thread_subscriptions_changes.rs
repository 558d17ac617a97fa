//! GET /_matrix/client/unstable/io.element.msc4308/thread_subscriptions: which threads one began or ceased to follow (MSC4308).

use ruma::{
    UInt,
    api::client::threads::get_thread_subscriptions_changes::unstable::{
        Request, Response, ThreadSubscription, ThreadUnsubscription,
    },
};

use crate::{
    api::{client::room::token, error::ApiError, ruma_route::Ruma},
    store::{Position, Store},
};

/// Changes of one page when the client does not say, and at most.
const LIMIT: i64 = 100;
const MOST: i64 = 1000;

pub async fn get_thread_subscriptions_changes(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    let limit = request.limit.map_or(LIMIT, |limit| i64::try_from(u64::from(limit)).unwrap_or(MOST));
    if limit == 0 {
        return Err(ApiError::invalid_param("`limit` is greater than zero"));
    }
    let upto = request.from.as_deref().map(token).transpose()?.unwrap_or_else(|| store.position());
    let after = request.to.as_deref().map(token).transpose()?.unwrap_or(Position(0));
    let limit = limit.min(MOST);
    let changes = store.read().await?.thread_subscription_changes(request.sender.user, after, upto, limit).await?;
    let full = i64::try_from(changes.len()).is_ok_and(|count| count >= limit);
    let mut response = Response::new();
    response.end = changes.last().filter(|_| full).map(|last| (last.position.0 - 1).to_string());
    for change in changes {
        let stamp = UInt::try_from(change.position.0).unwrap_or_default();
        if change.subscribed {
            let told = ThreadSubscription::new(change.automatic, stamp);
            response.subscribed.entry(change.room_id).or_default().insert(change.root, told);
        } else {
            let told = ThreadUnsubscription::new(stamp);
            response.unsubscribed.entry(change.room_id).or_default().insert(change.root, told);
        }
    }
    Ok(response)
}
