//! The state of rooms.

pub mod get_state_event;
pub mod get_state_events;
pub mod send_state_event;
