//! The event stream of old: deprecated, and still how one listens to a room without being in it.

pub mod get_event;
pub mod initial_sync;
pub mod listen_to_new_events;
