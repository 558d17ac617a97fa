//! The client: matrix-sdk turned into what our screens need. It speaks HTTP to any homeserver, ours or another.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]
#![recursion_limit = "256"]

pub mod view;

mod attachments;
mod avatars;
mod calls;
mod composer;
mod conversation;
mod drafts;
mod encryption;
mod error;
mod html;
mod ids;
mod media;
mod notifications;
mod people;
mod profile;
mod room_list;
mod room_view;
mod rooms;
mod session;
mod sync;
mod timeline;
mod typing;

pub use attachments::{AttachmentFile, VoiceMessage};
pub use calls::{CallEvent, CallNews, CallRoom, TurnServers};
pub use error::{ClientError, Result};
pub use media::{Media, MediaBytes};
pub use notifications::Notification;
pub use people::hue;
pub use session::{Homeserver, Registration, SavedSession, Session, SignIn, Store};
pub use sync::SyncState;
