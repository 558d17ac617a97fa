//! Calls: all of them as they are, and the pictures of one.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use crate::{
    api::{call::CallRef, push::Push},
    app::App,
    phone::Told,
    subscriptions::Outlet,
};

pub(super) async fn run(app: App, out: Outlet) {
    let mut phones = app.inner().phone.subscribe();
    loop {
        let Some(phone) = phones.borrow_and_update().clone() else {
            if !out.push(Push::Calls(Vec::new())) || phones.changed().await.is_err() {
                return;
            }
            continue;
        };
        let mut views = phone.views();
        loop {
            let calls = views.borrow_and_update().iter().map(Told::view).collect();
            if !out.push(Push::Calls(calls)) {
                return;
            }
            tokio::select! {
                // A phone that is gone tells nothing any more; the next one is waited for.
                Ok(()) = views.changed() => {}
                changed = phones.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }
}

/// The pictures of a call, until nobody looks.
pub(super) async fn frames(app: App, call: CallRef, out: Outlet) {
    let Ok(phone) = app.phone() else { return };
    let mut frames = phone.frames();
    // Who looks must not keep the phone of a session that is over.
    let weak = Arc::downgrade(&phone);
    drop(phone);
    loop {
        match frames.recv().await {
            Ok(frame) if frame.call == call => {
                if !out.push(Push::CallFrame(frame.frame.as_ref().clone())) {
                    return;
                }
            }
            Ok(_) => {}
            // What follows a hole cannot be decoded.
            Err(RecvError::Lagged(_)) => match weak.upgrade() {
                Some(phone) => phone.refresh(),
                None => return,
            },
            Err(RecvError::Closed) => return,
        }
    }
}
