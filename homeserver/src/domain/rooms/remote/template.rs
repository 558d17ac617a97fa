//! The answer to `make_join`, `make_leave` and `make_knock`: what we take of it into the event that we sign.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, MilliSecondsSinceUnixEpoch, RoomId, UserId,
    room_version_rules::RoomVersionRules,
};
use serde_json::value::RawValue;

use crate::domain::{
    events::{Pdu, build::sign},
    rooms::{Rooms, RoomsError},
};

/// Fields of the template that only the other server knows.
const TAKEN: [&str; 4] = ["auth_events", "prev_events", "depth", "room_id"];
pub(super) const VOUCHER: &str = "join_authorised_via_users_server";

impl Rooms {
    /// Makes `user_id`'s own member event with `content` at the place that another server's template names.
    pub(super) fn fill_in(
        &self,
        template: &RawValue,
        rules: &RoomVersionRules,
        room_id: &RoomId,
        user_id: &UserId,
        mut content: CanonicalJsonObject,
        now: MilliSecondsSinceUnixEpoch,
    ) -> Result<Pdu, RoomsError> {
        let bad = |reason: &str| RoomsError::BadEvent(format!("The other server's template {reason}"));
        let template: CanonicalJsonObject = serde_json::from_str(template.get()).map_err(|_| bad("is no event"))?;
        let text = |field: &str| template.get(field).and_then(CanonicalJsonValue::as_str);
        if text("room_id") != Some(room_id.as_str()) {
            return Err(bad("is for another room"));
        }
        if text("type").is_some_and(|kind| kind != "m.room.member")
            || text("sender").is_some_and(|sender| sender != user_id)
        {
            return Err(bad("is for something else"));
        }
        let voucher = template.get("content").and_then(CanonicalJsonValue::as_object).and_then(|old| old.get(VOUCHER));
        if let Some(CanonicalJsonValue::String(voucher)) = voucher {
            content.insert(VOUCHER.to_owned(), voucher.clone().into());
        }
        let mut event = CanonicalJsonObject::new();
        for field in TAKEN {
            let value = template.get(field).ok_or_else(|| bad(&format!("lacks {field}")))?;
            event.insert(field.to_owned(), value.clone());
        }
        let ts = ruma::Int::from(now.get());
        event.insert("type".to_owned(), "m.room.member".to_owned().into());
        event.insert("sender".to_owned(), user_id.to_string().into());
        event.insert("state_key".to_owned(), user_id.to_string().into());
        event.insert("origin_server_ts".to_owned(), CanonicalJsonValue::Integer(ts));
        event.insert("content".to_owned(), content.into());
        Ok(sign(event, rules, &self.server_name, &self.federation.keyring.identity())?)
    }
}
