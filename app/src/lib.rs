//! The app without a window: it owns the parts, joins their streams, and answers what the UI asks.
#![recursion_limit = "256"]
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

pub mod api;

/// Microphones, speakers and cameras for calls.
pub mod devices {
    pub use calls::device::{
        Devices,
        file::{Film, Recording},
        pretended::Pretended,
        system::System,
    };
}

mod alerts;
mod app;
mod call_network;
mod cameras;
mod data_folder;
mod dispatch;
mod errors;
mod invite_link;
mod owner_api;
mod phone;
mod recording;
mod runtime;
mod scanning;
mod secrets;
mod server;
mod settings;
mod sound;
mod startup;
mod subscriptions;
mod uploads;
mod wiring;

pub use alerts::{Alert, AlertChange, CallAlert};
pub use app::{App, Options, everywhere};
pub use call_network::TurnChoice;
pub use data_folder::DataFolder;
pub use homeserver::Power;
pub use invite_link::{InviteTarget, parse as parse_invite_link};
pub use runtime::runtime;
pub use secrets::SecretsIn;
pub use server::ServerChoice;
pub use subscriptions::{Sink, Subscriptions};
pub use uploads::Upload;
