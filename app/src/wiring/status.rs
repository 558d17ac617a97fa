//! Status: where the app stands.

use crate::{api::push::Push, app::App, subscriptions::Outlet};

pub(super) async fn run(app: App, out: Outlet) {
    let mut status = app.status();
    loop {
        let now = status.borrow_and_update().clone();
        if !out.push(Push::Status(now)) || status.changed().await.is_err() {
            return;
        }
    }
}
