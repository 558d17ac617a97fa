//! What the server does, in floors: each may use the ones below it, none the ones above (see ARCHITECTURE.md).

pub mod accounts;
pub mod appservices;
pub mod encryption;
pub mod ephemeral;
pub mod events;
pub mod federation;
pub mod identity_servers;
pub mod inbound;
pub mod media;
pub mod notifier;
pub mod push;
pub mod rooms;
pub mod sync;
pub mod web;
