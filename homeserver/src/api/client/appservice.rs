//! What application services alone can ask for.

pub mod request_ping;
pub mod set_room_visibility;
