//! Restricted rooms: a member of ours who may invite vouches for a user who is in one of the allowed rooms.

use ruma::{OwnedRoomId, OwnedUserId, UserId, events::room::power_levels::RoomPowerLevels};
use serde::Deserialize;

use crate::{
    domain::{
        events::versions,
        rooms::{Rooms, RoomsError, view},
    },
    store::{Db, Membership, RoomRow, StoredEvent},
};

use super::JoinRules;

#[derive(Deserialize)]
struct Content {
    content: serde_json::Value,
}

#[derive(Deserialize)]
struct Allowed {
    #[serde(default)]
    allow: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    room_id: Option<OwnedRoomId>,
}

impl Rooms {
    /// A local member who may invite, when the room is restricted and `target` meets one of its conditions.
    pub(in crate::domain::rooms) async fn voucher(
        &self,
        db: &mut Db,
        room: &RoomRow,
        target: &UserId,
        join_rules: &StoredEvent,
    ) -> Result<Option<OwnedUserId>, RoomsError> {
        let Ok(Content { content }) = serde_json::from_str(&join_rules.json) else { return Ok(None) };
        let rule =
            serde_json::from_value::<JoinRules>(content.clone()).map(|rules| rules.join_rule).unwrap_or_default();
        if rule != "restricted" && rule != "knock_restricted" {
            return Ok(None);
        }
        let allowed: Allowed = serde_json::from_value(content).unwrap_or(Allowed { allow: Vec::new() });
        let mut member = false;
        for condition in allowed.allow {
            if condition.kind == "m.room_membership"
                && let Some(room_id) = condition.room_id
                && db.is_joined(&room_id, target).await?
            {
                member = true;
                break;
            }
        }
        if !member {
            return Ok(None);
        }
        let Some(rules) = versions::rules(&room.version) else { return Ok(None) };
        let levels: RoomPowerLevels = view::power_levels(db, room.sn, &rules).await?;
        for candidate in db.members(room.sn, Membership::Join).await? {
            if let Ok(user_id) = OwnedUserId::try_from(candidate.user_id)
                && user_id.server_name() == self.server_name
                && levels.user_can_invite(&user_id)
            {
                return Ok(Some(user_id));
            }
        }
        Ok(None)
    }
}
