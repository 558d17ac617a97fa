//! Room versions: which ones are made, which ones are joined, which ones are refused.

use ruma::{RoomVersionId, room_version_rules::RoomVersionRules};

/// The version of new rooms.
pub const DEFAULT: RoomVersionId = RoomVersionId::V12;

/// Versions made and advertised as stable.
pub const STABLE: [RoomVersionId; 7] = [
    RoomVersionId::V6,
    RoomVersionId::V7,
    RoomVersionId::V8,
    RoomVersionId::V9,
    RoomVersionId::V10,
    RoomVersionId::V11,
    RoomVersionId::V12,
];

/// Versions that are joined but not made: the state resolution library holds them to be best effort.
pub const JOINED_ONLY: [RoomVersionId; 3] = [RoomVersionId::V3, RoomVersionId::V4, RoomVersionId::V5];

/// The rules of a version that we can be in.
pub fn rules(version: &RoomVersionId) -> Option<RoomVersionRules> {
    (STABLE.contains(version) || JOINED_ONLY.contains(version)).then(|| version.rules()).flatten()
}
