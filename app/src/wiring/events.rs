//! Events: what happens once.

use tokio::sync::broadcast::error::RecvError;

use crate::{api::push::Push, app::App, subscriptions::Outlet};

pub(super) async fn run(app: App, out: Outlet) {
    let mut events = app.inner().events.subscribe();
    for event in app.take_unheard() {
        out.push(Push::Event(event));
    }
    loop {
        match events.recv().await {
            Ok(event) => {
                if !out.push(Push::Event(event)) {
                    return;
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
