//! Sync.

pub mod sliding;
pub mod v3;

use crate::{api::auth::Sender, domain::sync::Viewer};

/// The device that asks.
pub(super) fn viewer(sender: &Sender) -> Viewer {
    Viewer { user: sender.user, user_id: sender.user_id.clone(), device_id: sender.device_id.clone() }
}
