//! Typing: who types in one room.

use crate::{api::push::Push, app::App, subscriptions::Outlet};

pub(super) async fn run(app: App, room_id: String, out: Outlet) {
    let (out, room_id) = (&out, room_id.as_str());
    super::with_session(&app, "typing", |session| async move {
        session.follow_room_typing(room_id, |typing| _ = out.push(Push::Typing(typing))).await
    })
    .await;
}
