//! A scan: the camera looks for an invite as long as somebody watches, or until it has found one.

use std::{future::pending, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use calls::{
    device::NoPicture,
    scanning::{Scan, Seen},
};
use tokio::time::Instant;

use crate::{
    api::{push::Push, scan::ScanView},
    app::App,
    cameras::cause,
    phone::Told,
    scanning::invite_in,
    subscriptions::Outlet,
};

/// How long it is said that a code was no invite, once it is gone.
const NO_INVITE: Duration = Duration::from_secs(2);

pub(super) async fn run(app: App, out: Outlet) {
    if !out.push(Push::Scan(ScanView::Starting)) {
        return;
    }
    let stop = app.inner().stop.clone();
    let last = tokio::select! {
        () = stop.cancelled() => return,
        last = turn(&app, &out) => last,
    };
    if let Some(view) = last {
        out.push(Push::Scan(view));
    }
}

/// Answers how it ended; `None` when nobody watches any more.
async fn turn(app: &App, out: &Outlet) -> Option<ScanView> {
    let mut turn = app.inner().scanner.begin().await;
    let ended = tokio::select! {
        // First who has the camera: it must not be opened beside a call.
        biased;
        () = a_call_films(app) => Err(NoPicture::Busy),
        () = turn.is_over() => Err(NoPicture::Busy),
        ended = look(app, out) => ended,
    };
    match ended {
        Ok(link) => link.map(|link| ScanView::Found { link }),
        Err(why) => cause(why).map(|why| ScanView::Failed { why }),
    }
}

/// Answers the link that was found; `None` when nobody watches any more.
async fn look(app: &App, out: &Outlet) -> Result<Option<String>, NoPicture> {
    let mut scan = Scan::open(&*app.inner().options.devices).await?;
    let mut other: Option<Instant> = None;
    loop {
        match scan.next().await? {
            Seen::Code(code) => match invite_in(&code) {
                Some(link) => return Ok(Some(link)),
                None => other = Some(Instant::now()),
            },
            Seen::Picture(file) => {
                let no_invite = other.is_some_and(|at| at.elapsed() < NO_INVITE);
                let view = ScanView::Looking { picture: STANDARD.encode(file), no_invite };
                if !out.push(Push::Scan(view)) {
                    return Ok(None);
                }
            }
        }
    }
}

/// Waits until the camera is a call's.
async fn a_call_films(app: &App) {
    let mut phones = app.inner().phone.subscribe();
    loop {
        let views = phones.borrow_and_update().as_ref().map(|phone| phone.views());
        if let Some(mut views) = views
            && views.wait_for(|calls| calls.iter().any(Told::films)).await.is_ok()
        {
            return;
        }
        if phones.changed().await.is_err() {
            return pending().await;
        }
    }
}
