//! Calls: all of them as they are, and the pictures of one.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use crate::{
    api::{call::CallRef, push::Push},
    app::App,
    phone::{Phone, Told},
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
                changed = views.changed() => if changed.is_err() { break },
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

/// The pictures of a call, until it ends or nobody looks.
pub(super) async fn frames(app: App, call: CallRef, out: Outlet) {
    let Ok(phone) = app.phone() else { return };
    let mut frames = phone.frames();
    let phone: Arc<Phone> = phone;
    loop {
        match frames.recv().await {
            Ok(frame) if frame.call == call => {
                if !out.push(Push::CallFrame(frame.frame.as_ref().clone())) {
                    return;
                }
            }
            Ok(_) => {}
            // What follows a hole cannot be decoded.
            Err(RecvError::Lagged(_)) => phone.refresh(),
            Err(RecvError::Closed) => return,
        }
    }
}
