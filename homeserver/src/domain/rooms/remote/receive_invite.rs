//! An invite for one of our users from another server: checked, signed by us, and shown to the user when we are not in the room.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, RoomId, RoomVersionId, UserId, events::TimelineEventType,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::{client_event::stripped_event, versions},
        federation::Origin,
        push::PushedEvent,
        rooms::{Rooms, RoomsError, takes_invites},
    },
    store::{Durability, LocalMembership, Membership, ServerSn, StoreError},
};

/// A state event that came with an invite, as other servers send it.
#[derive(Debug)]
pub struct StrippedOrPdu(pub Box<RawValue>);

/// An invite as it came.
#[derive(Debug)]
pub struct ReceivedInvite<'a> {
    pub room_id: &'a RoomId,
    pub event_id: &'a EventId,
    pub version: &'a RoomVersionId,
    pub event: &'a RawValue,
    pub state: Vec<StrippedOrPdu>,
}

impl Rooms {
    /// Answers the invite with our signature in it.
    pub async fn receive_invite(
        &self,
        origin: &Origin,
        invite: ReceivedInvite<'_>,
    ) -> Result<Box<RawValue>, RoomsError> {
        self.check_blocked(invite.room_id).await?;
        let rules = versions::rules(invite.version).ok_or(RoomsError::UnsupportedVersion)?;
        let event = self.verified(&rules, invite.event).await?;
        let bad = |reason: &str| RoomsError::BadEvent(reason.to_owned());
        if event.event_id != *invite.event_id || event.room_id != *invite.room_id {
            return Err(bad("The event is not the one that the path names"));
        }
        if event.sender.server_name() != origin.server_name {
            return Err(RoomsError::Forbidden("The inviter is not of your server".to_owned()));
        }
        let content = event.content_as::<CanonicalJsonObject>().unwrap_or_default();
        let is_invite = content.get("membership").and_then(CanonicalJsonValue::as_str) == Some("invite");
        let invited = event.state_key.as_deref().and_then(|key| UserId::parse(key).ok());
        let invited = invited.filter(|_| event.kind == TimelineEventType::RoomMember && is_invite);
        let invited = invited.ok_or_else(|| bad("The event is no invite"))?;
        if let Err(error) = self.appservices.ensure_user(&invited).await {
            tracing::info!(user_id = %invited, %error, "Whether an invited user exists is not known.");
        }
        let mut db = self.store.read().await?;
        let user = match db.user_sn(&invited).await? {
            Some(user) if invited.server_name() == self.server_name && db.account(&invited).await?.is_some() => user,
            _ => return Err(RoomsError::Forbidden("There is no such user here".to_owned())),
        };
        if !takes_invites(&mut db, user).await? {
            return Err(RoomsError::InviteBlocked);
        }
        let room = db.room_by_id(invite.room_id).await?;
        if room.as_ref().is_some_and(|room| room.snapshot.is_some() && room.version != *invite.version) {
            return Err(RoomsError::InvalidParam("The room is of another version".to_owned()));
        }
        let here = match &room {
            Some(room) => db.server_is_joined(room.sn, ServerSn::OURS).await?,
            None => false,
        };
        let joined = match &room {
            Some(room) => {
                db.local_membership(user, room.sn).await?.is_some_and(|mine| mine.membership == Membership::Join)
            }
            None => false,
        };
        drop(db);
        if joined {
            return Err(RoomsError::Forbidden("The user is in the room".to_owned()));
        }
        let mut object: CanonicalJsonObject =
            serde_json::from_str(&event.json).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        self.federation
            .keyring
            .sign_event(&mut object, &rules.redaction)
            .map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let signed =
            serde_json::value::to_raw_value(&object).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        if !here {
            let offered = self.offered_state(&rules, invite.version, invite.room_id, invite.state).await?;
            if offered.wrong_version {
                return Err(RoomsError::InvalidParam("The room is of another version".to_owned()));
            }
            if let Some(fault) = offered.fault.filter(|_| rules.authorization.room_create_event_id_as_room_id) {
                return Err(RoomsError::InvalidParam(fault.to_owned()));
            }
            let stripped = strip(offered.state.into_iter(), &event.json)?;
            let (appservices, event_id) = (self.appservices.clone(), invite.event_id.to_owned());
            let (push, inviter) = (self.push.clone(), event.sender.clone());
            let (room_id, version, json) = (invite.room_id.to_owned(), invite.version.clone(), signed.get().to_owned());
            self.store
                .write::<_, StoreError, _>(Durability::Full, move |tx| {
                    Box::pin(async move {
                        let room = tx.make_room(&room_id, &version).await?;
                        let position = tx.next_position();
                        let names = (&*room_id, &*event_id);
                        appservices.owe_outside(tx, user, position, names, (&json, Some(&stripped))).await?;
                        let before = tx.local_membership(user, room).await?;
                        tx.put_local_membership(&LocalMembership {
                            user_sn: user,
                            room_sn: room,
                            membership: Membership::Invite,
                            event_sn: None,
                            position,
                            joined_position: before.as_ref().and_then(|before| before.joined_position),
                            departure: before.map(|before| before.departure).unwrap_or_default(),
                            stripped_state: Some(stripped),
                            invite_event: Some(json.clone()),
                            forgotten: false,
                        })
                        .await?;
                        tx.make_user_sn(&inviter).await?;
                        let pushed = PushedEvent {
                            room,
                            room_id: &room_id,
                            version: &version,
                            event: tx.number_of_invite(room, &event_id).await?,
                            event_id: event_id.as_str(),
                            position,
                            sender: &inviter,
                            json: &json,
                            users: &[user],
                            partial: tx.is_partial(room).await?,
                        };
                        push.evaluate(tx, pushed).await
                    })
                })
                .await?;
        }
        Ok(signed)
    }
}

/// A JSON array of stripped state, of what came and of the member event itself.
pub(super) fn strip(state: impl Iterator<Item = StrippedOrPdu>, member_event: &str) -> Result<String, RoomsError> {
    #[derive(Deserialize)]
    struct Pruned<'a> {
        #[serde(borrow, rename = "type")]
        kind: &'a RawValue,
        #[serde(borrow)]
        sender: &'a RawValue,
        #[serde(borrow)]
        state_key: &'a RawValue,
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let bad = |error: serde_json::Error| RoomsError::BadEvent(error.to_string());
    let mut events: Vec<serde_json::Value> = Vec::new();
    for StrippedOrPdu(json) in state {
        let Ok(event) = serde_json::from_str::<Pruned<'_>>(json.get()) else { continue };
        events.push(serde_json::json!({
            "type": event.kind, "sender": event.sender, "state_key": event.state_key, "content": event.content,
        }));
    }
    let own = stripped_event(member_event).map_err(bad)?;
    events.push(serde_json::from_str(own.get()).map_err(bad)?);
    serde_json::to_string(&events).map_err(bad)
}
