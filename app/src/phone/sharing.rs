//! Sharing a screen: the person chooses which one first, and the other side hears of it after.

use std::sync::Arc;

use calls::{
    CallKey,
    device::{Camera, Devices, NoPicture},
};
use tokio::sync::mpsc;

use crate::app::App;

/// What the person chose, for this call.
pub(super) struct Chosen {
    pub(super) call: CallKey,
    pub(super) screen: Result<Box<dyn Camera>, NoPicture>,
}

/// The question which screen it shall be, one at a time.
pub(super) struct Sharing {
    app: App,
    devices: Arc<dyn Devices>,
    tell: mpsc::UnboundedSender<Chosen>,
    chosen: mpsc::UnboundedReceiver<Chosen>,
    asking: bool,
}

impl Sharing {
    pub(super) fn new(app: &App, devices: Arc<dyn Devices>) -> Self {
        let (tell, chosen) = mpsc::unbounded_channel();
        Self { app: app.clone(), devices, tell, chosen, asking: false }
    }

    /// The dialog is the desktop's own; while it is open there is no second one.
    pub(super) fn ask(&mut self, call: CallKey) {
        if std::mem::replace(&mut self.asking, true) {
            return;
        }
        let (devices, tell) = (Arc::clone(&self.devices), self.tell.clone());
        self.app.spawn(async move {
            let screen = devices.screen().await;
            // A session that is over shares nothing: the screen closes here.
            let _ = tell.send(Chosen { call, screen });
        });
    }

    /// May be cancelled. `None` never comes: this holds a sender.
    pub(super) async fn chosen(&mut self) -> Option<Chosen> {
        let chosen = self.chosen.recv().await;
        self.asking = false;
        chosen
    }
}
