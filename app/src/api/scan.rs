//! The camera looks for a code: what it sees, and what the code says.

use serde::Serialize;
use ts_rs::TS;

use super::call::NoPictureCause;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ScanView {
    /// The camera is being opened.
    Starting,
    /// At most ten times a second.
    Looking {
        /// What the camera sees, not as in a mirror: a JPEG of at most 320 × 240 in base64.
        picture: String,
        /// A moment ago there was a code that is no invite.
        no_invite: bool,
    },
    /// Somebody's invite link; the camera is closed, and nothing follows.
    Found { link: String },
    /// There is no picture, or no more; nothing follows.
    Failed { why: NoPictureCause },
}
