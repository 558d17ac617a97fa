//! Room list: the sidebar's rows.

use crate::{api::push::Push, app::App, subscriptions::Outlet};

pub(super) async fn run(app: App, out: Outlet) {
    let out = &out;
    super::with_session(&app, "room_list", |session| async move {
        session.follow_room_list(|diffs| _ = out.push(Push::RoomList(diffs))).await
    })
    .await;
}
