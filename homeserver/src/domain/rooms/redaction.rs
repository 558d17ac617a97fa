//! Redactions by local users: which event is meant, and whether they may take its content away.

use ruma::{
    CanonicalJsonObject, EventId, OwnedEventId, events::TimelineEventType, room_version_rules::RoomVersionRules,
};

use crate::store::{Db, RoomSn};

use super::{LocalUser, NewMessage, Rooms, RoomsError, view};

impl Rooms {
    /// Puts the redacted event's id where the room's version signs it, once the user may redact that event.
    pub(super) async fn prepare_redaction(
        &self,
        db: &mut Db,
        from: &LocalUser,
        room: RoomSn,
        message: &mut NewMessage,
        rules: &RoomVersionRules,
    ) -> Result<(), RoomsError> {
        if message.kind != TimelineEventType::RoomRedaction {
            return Ok(());
        }
        let target = match message.redacts.take() {
            Some(target) => target,
            None => named_in(&message.content)?,
        };
        may_redact(db, from, room, &target, rules).await?;
        // Clients name it in both places; the version decides which one is signed.
        if rules.redaction.content_field_redacts {
            message.content.insert("redacts".to_owned(), target.to_string().into());
        } else {
            message.content.remove("redacts");
            message.redacts = Some(target);
        }
        Ok(())
    }
}

/// One's own events, others' with the room's power to redact, and those of this server's users for its owner
/// (Client-Server API, "PUT /redact"). Servers trust each other in this: what ours sends takes effect on our users' events everywhere.
async fn may_redact(
    db: &mut Db,
    from: &LocalUser,
    room: RoomSn,
    target: &EventId,
    rules: &RoomVersionRules,
) -> Result<(), RoomsError> {
    let event = db.event(target).await?;
    if event.as_ref().is_some_and(|event| event.room != room) {
        return Err(RoomsError::UnknownEvent);
    }
    if event.as_ref().is_some_and(|event| event.sender == from.user)
        || view::may_redact(db, room, &from.user_id, rules).await?
    {
        return Ok(());
    }
    let Some(event) = event else { return Err(RoomsError::UnknownEvent) };
    let of_here = db.user_id(event.sender).await?.server_name() == from.user_id.server_name();
    if of_here && db.account(&from.user_id).await?.is_some_and(|account| account.admin) {
        return Ok(());
    }
    Err(RoomsError::Forbidden("You may not redact what others sent here".to_owned()))
}

/// `redacts` of a redaction sent by the ordinary endpoint: clients put it into the content whatever the room's version.
fn named_in(content: &CanonicalJsonObject) -> Result<OwnedEventId, RoomsError> {
    let named = content.get("redacts").and_then(|value| value.as_str());
    named
        .and_then(|id| OwnedEventId::try_from(id).ok())
        .ok_or_else(|| RoomsError::BadEvent("A redaction names the event in `redacts`".to_owned()))
}
