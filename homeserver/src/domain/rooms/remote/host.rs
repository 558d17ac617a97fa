//! Other servers' users entering, leaving and knocking on our rooms: the template that we offer, the signed event that we take.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedUserId, RoomId, RoomVersionId, UserId,
    events::TimelineEventType, room_version_rules::RoomVersionRules,
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::{Pdu, build::Draft, pdu::Age, versions},
        federation::Origin,
        rooms::{Rooms, RoomsError, accept::checks, graph::Graph, membership::Vouching, stripped},
    },
    store::{Membership, RoomRow, StoredEvent},
};

const VOUCHER: &str = "join_authorised_via_users_server";

/// A template for another server's user: everything but the signature.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub version: RoomVersionId,
    pub event: Box<RawValue>,
}

/// What another server's user did in our room.
#[derive(Debug)]
pub struct Arrival {
    pub room: RoomRow,
    /// As stored, with its place and the state before it.
    pub event: StoredEvent,
    /// Set when we vouched for the user: the event with our signature.
    pub vouched: bool,
}

impl Rooms {
    /// Whether the room's rules would let the user do this; the event for them to sign. The caller has checked the access list.
    pub async fn propose_member(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        user_id: &UserId,
        membership: Membership,
    ) -> Result<Proposal, RoomsError> {
        if user_id.server_name() != origin.server_name {
            return Err(RoomsError::Forbidden("The user is not of your server".to_owned()));
        }
        let (room, rules) = self.known(room_id).await?;
        let mut db = self.store.read().await?;
        let mut content = CanonicalJsonObject::new();
        content.insert("membership".to_owned(), membership.as_str().to_owned().into());
        let now = match db.user_sn(user_id).await? {
            Some(user) => db.member(room.sn, user).await?.map_or(Membership::Leave, |member| member.membership),
            None => Membership::Leave,
        };
        if membership == Membership::Join
            && !matches!(now, Membership::Join | Membership::Invite)
            && let Some(join_rules) = db.current_state_event(room.sn, "m.room.join_rules", "").await?
        {
            match self.vouching(&mut db, &room, user_id, &join_rules).await? {
                Vouching::By(voucher) => {
                    content.insert(VOUCHER.to_owned(), voucher.to_string().into());
                }
                Vouching::Nobody => return Err(RoomsError::UnableToGrantJoin),
                Vouching::Unknown => return Err(RoomsError::UnableToAuthorizeJoin),
                Vouching::NotNeeded | Vouching::Refused => {}
            }
        }
        let draft = Draft {
            kind: TimelineEventType::RoomMember,
            sender: user_id.to_owned(),
            state_key: Some(user_id.to_string()),
            content,
            redacts: None,
            timestamp: self.clock.now_ms(),
        };
        let mut graph = Graph::of_room(&mut db, room.sn, room_id, rules).await?;
        let object = graph.propose(self, (&mut db, room.sn), &draft).await?;
        let json = serde_json::value::to_raw_value(&object).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        Ok(Proposal { version: room.version, event: json })
    }

    /// Takes the event that a server signed after [`Self::propose_member`], and tells the other servers of the room.
    pub async fn admit_member(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        event_id: &EventId,
        json: &RawValue,
        membership: Membership,
    ) -> Result<Arrival, RoomsError> {
        let (room, rules) = self.known(room_id).await?;
        let mut object: CanonicalJsonObject =
            serde_json::from_str(json.get()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        // Nothing is signed in our name before it is known to be what was proposed.
        check(origin, room_id, event_id, &checks::format::check(&rules, &object, Age::New)?, membership)?;
        let vouched = self.vouch(&room, &rules, &mut object).await?;
        let json = serde_json::value::to_raw_value(&object).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let event = self.verified(&rules, &json).await?;
        self.accept_and_tell(room_id, event, &[origin.server]).await?;
        let event = self.store.read().await?.event(event_id).await?.ok_or(RoomsError::UnknownEvent)?;
        if event.position.is_none() {
            return Err(RoomsError::Forbidden("The room does not allow it".to_owned()));
        }
        Ok(Arrival { room, event, vouched })
    }

    /// State events that tell a user who knocked what kind of room it is.
    pub async fn knock_state(&self, arrival: &Arrival) -> Result<Vec<Box<RawValue>>, RoomsError> {
        Ok(stripped::pdus(&mut *self.store.read().await?, arrival.room.sn, None).await?)
    }

    /// Adds our signature to a restricted join that names one of our users, when the user meets a condition.
    async fn vouch(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        object: &mut CanonicalJsonObject,
    ) -> Result<bool, RoomsError> {
        let content = object.get("content").and_then(CanonicalJsonValue::as_object);
        let named = content.and_then(|content| content.get(VOUCHER)).and_then(CanonicalJsonValue::as_str);
        let Some(named) = named.and_then(|id| OwnedUserId::try_from(id).ok()) else { return Ok(false) };
        if named.server_name() != self.server_name {
            return Ok(false);
        }
        let target = object.get("state_key").and_then(CanonicalJsonValue::as_str);
        let target = target.and_then(|id| UserId::parse(id).ok());
        let target = target.ok_or_else(|| RoomsError::BadEvent("The event is no member event".to_owned()))?;
        let mut db = self.store.read().await?;
        let now = match db.user_sn(&target).await? {
            Some(user) => db.member(room.sn, user).await?.map_or(Membership::Leave, |member| member.membership),
            None => Membership::Leave,
        };
        if !matches!(now, Membership::Join | Membership::Invite)
            && let Some(join_rules) = db.current_state_event(room.sn, "m.room.join_rules", "").await?
        {
            match self.vouching(&mut db, room, &target, &join_rules).await? {
                Vouching::By(_) | Vouching::NotNeeded => {}
                Vouching::Nobody => return Err(RoomsError::UnableToGrantJoin),
                Vouching::Unknown => return Err(RoomsError::UnableToAuthorizeJoin),
                Vouching::Refused => {
                    return Err(RoomsError::Forbidden("The user is in none of the rooms that let in here".to_owned()));
                }
            }
        }
        self.federation
            .keyring
            .sign_event(object, &rules.redaction)
            .map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        Ok(true)
    }
}

/// The event is what was proposed: this user's own member event, by their own server.
fn check(
    origin: &Origin,
    room_id: &RoomId,
    event_id: &EventId,
    event: &Pdu,
    membership: Membership,
) -> Result<(), RoomsError> {
    let bad = |reason: &str| Err(RoomsError::BadEvent(reason.to_owned()));
    if event.room_id != *room_id || event.event_id != *event_id {
        return bad("The event is not the one that the path names");
    }
    if !event.is_state(&TimelineEventType::RoomMember, event.sender.as_str()) {
        return bad("The event is not its sender's own member event");
    }
    if event.sender.server_name() != origin.server_name {
        return Err(RoomsError::Forbidden("The user is not of your server".to_owned()));
    }
    let content = event.content_as::<CanonicalJsonObject>().unwrap_or_default();
    if content.get("membership").and_then(CanonicalJsonValue::as_str) != Some(membership.as_str()) {
        return bad("The event is for another membership");
    }
    Ok(())
}

impl Rooms {
    /// Whether we are in a room and which version it has.
    pub async fn version_of(&self, room_id: &RoomId) -> Result<RoomVersionId, RoomsError> {
        let room = self.store.read().await?.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        if versions::rules(&room.version).is_none() { Err(RoomsError::UnsupportedVersion) } else { Ok(room.version) }
    }
}
