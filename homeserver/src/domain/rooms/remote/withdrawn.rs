//! An invite taken back, or a knock refused, of a room that this server is not in.

use ruma::{CanonicalJsonObject, CanonicalJsonValue, UserId, events::TimelineEventType};

use crate::{
    domain::{
        events::Pdu,
        rooms::{Rooms, RoomsError},
    },
    store::{Db, Durability, LocalMembership, Membership, StoreError},
};

use super::leave::helpers;

impl Rooms {
    /// A user of ours is not invited any more, or shall not come in. It is not known here whether the room allows that, so that only
    /// servers are heard that the user knows to be in the room.
    pub async fn withdrawn(&self, event: Pdu) -> Result<(), RoomsError> {
        let bad = |reason: &str| RoomsError::BadEvent(reason.to_owned());
        let content = event.content_as::<CanonicalJsonObject>().unwrap_or_default();
        let membership = content.get("membership").and_then(CanonicalJsonValue::as_str);
        let target = event.state_key.as_deref().and_then(|key| UserId::parse(key).ok());
        let target = target.filter(|target| event.kind == TimelineEventType::RoomMember && *target != event.sender);
        let target = target.filter(|_| matches!(membership, Some("leave" | "ban")));
        let target = target.ok_or_else(|| bad("The event is about nobody outside the room"))?;
        let mut db = self.store.read().await?;
        let mine = outside(&mut db, &event, &target).await?.ok_or(RoomsError::NotInRoom)?;
        drop(db);
        if !helpers(&event.room_id, &mine, &self.server_name).iter().any(|server| server == event.sender.server_name())
        {
            return Err(RoomsError::Forbidden("The server is not known to be in the room".to_owned()));
        }
        let appservices = self.appservices.clone();
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    // Meanwhile the user may have come in.
                    let Some(mut mine) = outside(tx, &event, &target).await? else { return Ok(()) };
                    mine.membership = Membership::Leave;
                    mine.position = tx.next_position();
                    mine.stripped_state = None;
                    mine.invite_event = None;
                    let names = (&*event.room_id, &*event.event_id);
                    appservices.owe_outside(tx, mine.user_sn, mine.position, names, (&event.json, None)).await?;
                    tx.put_local_membership(&mine).await
                })
            })
            .await?;
        Ok(())
    }
}

/// A local user's invite or knock.
async fn outside(db: &mut Db, event: &Pdu, target: &UserId) -> Result<Option<LocalMembership>, StoreError> {
    let (Some(room), Some(user)) = (db.room_sn(&event.room_id).await?, db.user_sn(target).await?) else {
        return Ok(None);
    };
    let mine = db.local_membership(user, room).await?;
    Ok(mine.filter(|mine| matches!(mine.membership, Membership::Invite | Membership::Knock)))
}
