//! Timeline: the rows of one conversation.

use crate::{api::push::Push, app::App, subscriptions::Outlet};

pub(super) async fn run(app: App, room_id: String, out: Outlet) {
    let (out, room_id) = (&out, room_id.as_str());
    super::with_session(&app, "timeline", |session| async move {
        session.follow_timeline(room_id, |diffs| _ = out.push(Push::Timeline(diffs))).await
    })
    .await;
}
