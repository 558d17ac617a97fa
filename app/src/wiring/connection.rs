//! Connection: whether the server answers.

use crate::{api::push::Push, app::App, subscriptions::Outlet};

pub(super) async fn run(app: App, out: Outlet) {
    let mut connection = app.inner().connection.subscribe();
    loop {
        let now = connection.borrow_and_update().clone();
        if !out.push(Push::Connection(now)) || connection.changed().await.is_err() {
            return;
        }
    }
}
