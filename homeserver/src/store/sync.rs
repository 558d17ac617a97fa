//! What sync reads of rooms: memberships, timelines, state and its changes, and the rows of sliding sync connections.
//!
//! Every query walks an index from a position or a room; none reads a whole room's history. The tests hold them to that.

mod account_data;
mod ahead;
mod connections;
mod members;
mod packed;
mod rooms;
mod state;
#[cfg(test)]
mod tests;
mod timeline;

use super::{EventSn, KeySn, Membership, Position, RoomSn, SnapshotSn, UserSn};

pub(super) use self::ahead::Ahead;
pub use self::{
    account_data::AccountData,
    ahead::LookAhead,
    members::Hero,
    rooms::{LocalRoom, RoomChanges},
    state::{StateChange, StateEntry},
    timeline::EventRow,
};
