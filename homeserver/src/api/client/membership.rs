//! Who is in a room: inviting, joining, leaving, removing, member lists.

pub mod ban_user;
pub mod forget_room;
pub mod get_member_events;
pub mod invite_user;
pub mod join_room_by_id;
pub mod join_room_by_id_or_alias;
pub mod joined_members;
pub mod joined_rooms;
pub mod kick_user;
pub mod knock_room;
pub mod leave_room;
pub mod mutual_rooms;
pub mod unban_user;
