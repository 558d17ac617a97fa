//! The operating system: windows, notifications, links, signals, graphics, sleep.

#[cfg(target_os = "linux")]
pub(crate) mod awake;
#[cfg(target_os = "linux")]
mod bus;
pub(crate) mod deep_links;
pub(crate) mod graphics;
pub(crate) mod notifications;
pub(crate) mod signals;
#[cfg(target_os = "linux")]
pub(crate) mod sleep;
pub(crate) mod windows;
