//! Sending: a local user's message or state event.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedUserId, UserId,
    events::TimelineEventType, room_version_rules::RoomVersionRules,
};

use crate::{
    domain::{
        appservices::Appservices,
        events::{Pdu, build::Draft, versions},
        push::Push,
    },
    store::{Db, Durability, Membership, RoomRow, RoomSn, SnapshotSn, StoreError, Tx, UserSn},
};

use super::{
    Acceptance, Rooms, RoomsError,
    accept::Came,
    append::{Accepted, Owed, append},
    consequences,
    graph::Graph,
    guests,
    policy::asks_policy,
};

/// A local user on one of their devices.
#[derive(Clone, Debug)]
pub struct LocalUser {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
}

/// What a local user sends into a room.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub room_id: OwnedRoomId,
    pub kind: TimelineEventType,
    pub state_key: Option<String>,
    pub content: CanonicalJsonObject,
    /// A repeated id answers the first event again.
    pub txn_id: Option<String>,
    /// The event that a redaction names.
    pub redacts: Option<OwnedEventId>,
    /// Milliseconds since 1970; only application services choose it.
    pub timestamp: Option<i64>,
}

impl Rooms {
    /// Sends an event in a local user's name and answers its id once it is durable.
    pub async fn send(&self, from: &LocalUser, message: NewMessage) -> Result<OwnedEventId, RoomsError> {
        let guest_access = (message.kind == TimelineEventType::RoomGuestAccess).then(|| message.room_id.clone());
        let sent = self.send_in_turn(from, message).await?;
        if let Some(room_id) = guest_access {
            self.remove_guests(&room_id).await?;
        }
        Ok(sent)
    }

    async fn send_in_turn(&self, from: &LocalUser, message: NewMessage) -> Result<OwnedEventId, RoomsError> {
        {
            let _turn = self.locks.share(&message.room_id).await;
            let (rooms, from, message) = (self.clone(), from.clone(), message.clone());
            let written = self
                .store
                .write::<_, RoomsError, _>(Durability::Full, move |tx| {
                    Box::pin(async move { rooms.make_and_write(tx, &from, message).await })
                })
                .await?;
            if let Some((sent, redacted)) = written {
                if let Some(event_id) = redacted {
                    self.cache.forget(&event_id);
                }
                return Ok(sent);
            }
        }
        // The room has a policy server, which is asked while others go on.
        let mut db = self.store.read().await?;
        let made = self.make(&mut db, from, message).await?;
        drop(db);
        match made {
            Made::Before(sent) => Ok(sent),
            Made::New { room, rules, event, transaction } => {
                let event = self.signed_by_policy(room.sn, &rules, event).await?;
                self.write_signed(&room, rules, Own { event, transaction }).await
            }
        }
    }

    /// Makes the event at the end of the room as the transaction sees it, and writes it there: the answer is its id, and that of the event
    /// that it redacts. `None`: the room's policy server must be asked first, which a transaction cannot wait for.
    async fn make_and_write(
        &self,
        tx: &mut Tx,
        from: &LocalUser,
        message: NewMessage,
    ) -> Result<Option<(OwnedEventId, Option<OwnedEventId>)>, RoomsError> {
        match self.make(tx, from, message).await? {
            Made::Before(sent) => Ok(Some((sent, None))),
            Made::New { room, event, .. } if asks_policy(tx, room.sn, &event).await? => Ok(None),
            Made::New { room, rules, event, transaction } => {
                let (event_id, redacted) = (event.event_id.clone(), event.redaction_target(&rules));
                self.cache.put(&event);
                self.own_events().write(tx, room.sn, room.snapshot, &rules, vec![Own { event, transaction }]).await?;
                Ok(Some((event_id, redacted)))
            }
        }
    }

    /// The event that the message becomes at the end of the room, signed; nothing is written.
    async fn make(&self, db: &mut Db, from: &LocalUser, mut message: NewMessage) -> Result<Made, RoomsError> {
        let room = db.room_by_id(&message.room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        let kind = message.kind.to_string();
        if let Some(txn_id) = &message.txn_id
            && let Some(sent) = db.sent_event(from.user, from.device_id.as_str(), room.sn, &kind, txn_id).await?
        {
            return Ok(Made::Before(sent));
        }
        let joined = db.local_membership(from.user, room.sn).await?.is_some_and(|m| m.membership == Membership::Join);
        if !joined && message.kind != TimelineEventType::RoomMember {
            return Err(RoomsError::NotInRoom);
        }
        if !joined && message.kind == TimelineEventType::RoomMember && guests::is_join(&message.content) {
            self.check_blocked_in(db, &message.room_id).await?;
            self.check_guest(db, from.user, Some(room.sn)).await?;
        }
        self.prepare_redaction(db, from, room.sn, &mut message, &rules).await?;
        let draft = Draft {
            kind: message.kind,
            sender: from.user_id.clone(),
            state_key: message.state_key,
            content: message.content,
            redacts: message.redacts,
            timestamp: message.timestamp.unwrap_or_else(|| self.clock.now_ms()),
        };
        if let Some(same) = self.unchanged(db, room.sn, &draft).await? {
            return Ok(Made::Before(same));
        }
        let mut graph = Graph::of_room(db, room.sn, &message.room_id, rules.clone()).await?;
        let event = graph.add(self, Some((&mut *db, room.sn)), &draft).await?;
        if let Some((rel_type, target, Some(key))) = consequences::relation(&event)
            && rel_type == "m.annotation"
            && db.has_reaction(&target, from.user, &key).await?
        {
            return Err(RoomsError::DuplicateReaction);
        }
        if let Some((rel_type, target, _)) = consequences::relation(&event)
            && rel_type == "m.thread"
            && db.event(&target).await?.is_some_and(|root| root.room == room.sn && relates(&root.json))
        {
            return Err(RoomsError::NestedThread);
        }
        let transaction = message.txn_id.map(|txn_id| (from.user, from.device_id.to_string(), txn_id));
        Ok(Made::New { room, rules, event, transaction })
    }

    /// Sets a state event. Invites go the way of invites; aliases are looked at first.
    pub async fn send_state(&self, from: &LocalUser, message: NewMessage) -> Result<OwnedEventId, RoomsError> {
        let state_key = message.state_key.as_deref().unwrap_or_default();
        match message.kind {
            TimelineEventType::RoomCreate => return Err(RoomsError::Forbidden("A room is made once".to_owned())),
            TimelineEventType::RoomMember => {
                let target = UserId::parse(state_key)
                    .map_err(|_| RoomsError::InvalidParam("The state key of a member event is a user id".to_owned()))?;
                let membership = message.content.get("membership").and_then(CanonicalJsonValue::as_str);
                if membership == Some("invite") && target != from.user_id {
                    // The invited user's server has a say.
                    return self.invite_with(from, &message.room_id, &target, None, message.content).await;
                }
            }
            TimelineEventType::RoomCanonicalAlias => self.check_aliases(&message.room_id, &message.content).await?,
            _ => {}
        }
        self.send(from, message).await
    }

    /// The event that stands there already, when a state event would change nothing.
    async fn unchanged(
        &self,
        db: &mut crate::store::Db,
        room: RoomSn,
        draft: &Draft,
    ) -> Result<Option<OwnedEventId>, RoomsError> {
        let Some(state_key) = &draft.state_key else { return Ok(None) };
        let Some(now) = db.current_state_event(room, &draft.kind.to_string(), state_key).await? else {
            return Ok(None);
        };
        let body: CanonicalJsonObject =
            serde_json::from_str(&now.json).map_err(|_| StoreError::Damaged("a state event"))?;
        let same_sender = body.get("sender").and_then(|v| v.as_str()) == Some(draft.sender.as_str());
        let same = same_sender && body.get("content").and_then(|v| v.as_object()) == Some(&draft.content);
        Ok(same.then_some(now.event_id))
    }

    /// Writes an event of ours that the room's policy server signed: at the end of the room, or beside what came meanwhile.
    pub(super) async fn write_signed(
        &self,
        room: &RoomRow,
        rules: RoomVersionRules,
        own: Own,
    ) -> Result<OwnedEventId, RoomsError> {
        let (event_id, kind) = (own.event.event_id.clone(), own.event.kind.to_string());
        {
            let _turn = self.locks.lock(&room.room_id).await;
            // The same request may have come twice.
            if let Some(sent) = self.sent_before(room.sn, &kind, own.transaction.as_ref()).await? {
                return Ok(sent);
            }
            if self.is_as_it_was(room, &own.event).await? {
                self.write_own(room.sn, room.snapshot, vec![own], rules).await?;
                return Ok(event_id);
            }
        }
        let came = Came { owed: Owed::All, transaction: own.transaction };
        match self.accept_beside(&room.room_id, own.event, &came).await? {
            Acceptance::Accepted => Ok(event_id),
            Acceptance::Known => {
                Ok(self.sent_before(room.sn, &kind, came.transaction.as_ref()).await?.unwrap_or(event_id))
            }
            Acceptance::Rejected(reason) => Err(RoomsError::Forbidden(reason)),
            Acceptance::SoftFailed | Acceptance::Missing { .. } => {
                Err(RoomsError::Forbidden("The room does not allow it any more".to_owned()))
            }
        }
    }

    /// The event that the same request of a device made before.
    pub(super) async fn sent_before(
        &self,
        room: RoomSn,
        kind: &str,
        transaction: Option<&(UserSn, String, String)>,
    ) -> Result<Option<OwnedEventId>, StoreError> {
        let Some((user, device_id, txn_id)) = transaction else { return Ok(None) };
        self.store.read().await?.sent_event(*user, device_id, room, kind, txn_id).await
    }

    /// Whether nothing happened in the room since the event was made at its end.
    pub(super) async fn is_as_it_was(&self, room: &RoomRow, event: &Pdu) -> Result<bool, StoreError> {
        let mut db = self.store.read().await?;
        let ends = db.forward_extremities(room.sn).await?;
        let same = ends.len() == event.prev_events.len()
            && ends.iter().all(|(_, id, _)| event.prev_events.iter().any(|parent| parent.as_str() == id));
        Ok(same && db.room(room.sn).await?.snapshot == room.snapshot)
    }

    /// Writes events made here, in order, in one durable transaction.
    pub(super) async fn write_own(
        &self,
        room: RoomSn,
        before: Option<SnapshotSn>,
        events: Vec<Own>,
        rules: RoomVersionRules,
    ) -> Result<(), RoomsError> {
        for made in &events {
            self.cache.put(&made.event);
        }
        let redacted: Vec<OwnedEventId> =
            events.iter().filter_map(|made| made.event.redaction_target(&rules)).collect();
        let own = self.own_events();
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move { own.write(tx, room, before, &rules, events).await })
            })
            .await?;
        for event_id in redacted {
            self.cache.forget(&event_id);
        }
        Ok(())
    }
}

/// What became of a message before it is written.
enum Made {
    /// The event that the same request made before, or that stands there already.
    Before(OwnedEventId),
    New {
        room: RoomRow,
        rules: RoomVersionRules,
        event: std::sync::Arc<crate::domain::events::Pdu>,
        transaction: Option<(UserSn, String, String)>,
    },
}

/// An event made here, with device and transaction id of its sender.
pub(super) struct Own {
    pub event: std::sync::Arc<crate::domain::events::Pdu>,
    pub transaction: Option<(UserSn, String, String)>,
}

/// Writes runs of events made here.
pub(super) struct OwnEvents {
    push: Push,
    appservices: Appservices,
}

impl Rooms {
    pub(super) fn own_events(&self) -> OwnEvents {
        OwnEvents { push: self.push.clone(), appservices: self.appservices.clone() }
    }
}

impl OwnEvents {
    /// Appends the events one after the other; `before` is the room's state, none before its first event.
    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        room: RoomSn,
        mut before: Option<SnapshotSn>,
        rules: &RoomVersionRules,
        events: Vec<Own>,
    ) -> Result<(), StoreError> {
        for Own { event, transaction } in events {
            let accepted = Accepted {
                event,
                rules: rules.clone(),
                before,
                resolved: None,
                owed: Owed::All,
                missing: Vec::new(),
                transaction,
                push: self.push.clone(),
                appservices: self.appservices.clone(),
            };
            before = append(tx, room, &accepted).await?.after;
        }
        Ok(())
    }
}

/// Whether an event relates to another one.
fn relates(json: &str) -> bool {
    let event = serde_json::from_str::<serde_json::Value>(json).unwrap_or_default();
    event.pointer("/content/m.relates_to/rel_type").is_some()
}
