//! The operating system: windows, notifications, links, signals, graphics.

pub(crate) mod deep_links;
pub(crate) mod graphics;
pub(crate) mod notifications;
pub(crate) mod signals;
pub(crate) mod windows;
