//! Cameras: the ones there are and the one that was chosen, as long as somebody looks.

use std::time::Duration;

use tokio::time::sleep;

use crate::{api::push::Push, app::App, subscriptions::Outlet};

/// A camera that is plugged in is in the list as soon.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) async fn run(app: App, out: Outlet) {
    let Ok(data) = app.data() else { return };
    let mut settings = data.settings.watch();
    let mut told = None;
    loop {
        settings.mark_unchanged();
        let Ok(cameras) = app.cameras().await else { return };
        if told.as_ref() != Some(&cameras) {
            if !out.push(Push::Cameras(cameras.clone())) {
                return;
            }
            told = Some(cameras);
        }
        tokio::select! {
            () = sleep(LOOK_AGAIN) => {}
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
