//! Restricted rooms: a member of ours who may invite vouches for a user who is in one of the allowed rooms.

use ruma::{
    OwnedRoomId, OwnedUserId, UserId, events::room::power_levels::RoomPowerLevels, room_version_rules::RoomVersionRules,
};
use serde::Deserialize;

use crate::{
    domain::{
        events::versions,
        rooms::{Rooms, RoomsError, view},
    },
    store::{Db, Membership, RoomRow, ServerSn, StoredEvent},
};

use super::JoinRules;

/// Conditions that are looked at.
const CONDITIONS: usize = 100;

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

/// What a room's join rule says to a user who wants in and was not invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain::rooms) enum Vouching {
    /// The room is not restricted.
    NotNeeded,
    /// This member of ours may let the user in.
    By(OwnedUserId),
    /// The user meets a condition, but no member of ours may let them in.
    Nobody,
    /// The user meets none of the conditions.
    Refused,
    /// A condition is about a room that this server is not in.
    Unknown,
}

impl Rooms {
    /// Whether somebody of this server can vouch for `target`, and who.
    pub(in crate::domain::rooms) async fn vouching(
        &self,
        db: &mut Db,
        room: &RoomRow,
        target: &UserId,
        join_rules: &StoredEvent,
    ) -> Result<Vouching, RoomsError> {
        let Some(rules) = versions::rules(&room.version) else { return Ok(Vouching::NotNeeded) };
        let Ok(Content { content }) = serde_json::from_str(&join_rules.json) else { return Ok(Vouching::NotNeeded) };
        let rule =
            serde_json::from_value::<JoinRules>(content.clone()).map(|rules| rules.join_rule).unwrap_or_default();
        let restricted = match rule.as_str() {
            "restricted" => rules.authorization.restricted_join_rule,
            "knock_restricted" => rules.authorization.knock_restricted_join_rule,
            _ => false,
        };
        if !restricted {
            return Ok(Vouching::NotNeeded);
        }
        let allowed: Allowed = serde_json::from_value(content).unwrap_or(Allowed { allow: Vec::new() });
        let mut answer = Vouching::Refused;
        for condition in
            allowed.allow.into_iter().filter(|condition| condition.kind == "m.room_membership").take(CONDITIONS)
        {
            let Some(room_id) = condition.room_id else { continue };
            let (here, whole) = match db.room_by_id(&room_id).await? {
                Some(other) => (db.server_is_joined(other.sn, ServerSn::OURS).await?, !other.partial),
                None => (false, false),
            };
            if here && db.is_joined(&room_id, target).await? {
                return self.voucher(db, room, &rules).await;
            }
            if !(here && whole) {
                answer = Vouching::Unknown;
            }
        }
        Ok(answer)
    }

    /// A member of ours who may invite.
    async fn voucher(&self, db: &mut Db, room: &RoomRow, rules: &RoomVersionRules) -> Result<Vouching, RoomsError> {
        let levels: RoomPowerLevels = view::power_levels(db, room.sn, rules).await?;
        for candidate in db.members(room.sn, Membership::Join).await? {
            if let Ok(user_id) = OwnedUserId::try_from(candidate.user_id)
                && user_id.server_name() == self.server_name
                && levels.user_can_invite(&user_id)
            {
                return Ok(Vouching::By(user_id));
            }
        }
        Ok(Vouching::Nobody)
    }
}
