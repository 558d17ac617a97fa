//! Room: the header and panel of one room.

use crate::{api::push::Push, app::App, subscriptions::Outlet};

pub(super) async fn run(app: App, room_id: String, out: Outlet) {
    let (out, room_id) = (&out, room_id.as_str());
    super::with_session(&app, "room", |session| async move {
        session.follow_room(room_id, |view| _ = out.push(Push::Room(Box::new(view)))).await
    })
    .await;
}
