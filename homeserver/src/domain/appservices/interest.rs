//! What concerns a service: events of its users and rooms, noted in the transaction that writes them.

use std::{collections::BTreeSet, sync::Arc};

use ruma::{RoomId, UserId};
use serde_json::{Map, Value};

use crate::store::{Db, EventSn, Position, RoomSn, StoreError, Tx, UserSn};

use super::{Appservice, Appservices};

/// An accepted event, as services look at it. Its row and the state that it makes must have been written before.
#[derive(Clone, Copy, Debug)]
pub struct OwedTo<'a> {
    pub room: RoomSn,
    pub room_id: &'a RoomId,
    pub event: EventSn,
    pub position: Position,
    pub sender: &'a UserId,
    /// Whom a member event is about.
    pub member: Option<&'a UserId>,
}

impl Appservices {
    /// Notes an event for each service that it concerns.
    pub async fn owe(&self, tx: &mut Tx, event: OwedTo<'_>) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut concerned = BTreeSet::new();
        for user_id in [Some(event.sender), event.member].into_iter().flatten() {
            if self.is_local(user_id)
                && let Some(user) = tx.user_sn(user_id).await?
            {
                concerned.extend(self.of_user(tx, user).await?.iter().copied());
            }
        }
        for (place, service) in self.0.services.iter().enumerate() {
            if !concerned.contains(&place) && self.room_concerns(tx, service, event.room, event.room_id).await? {
                concerned.insert(place);
            }
        }
        for service in concerned.into_iter().filter_map(|place| self.0.services.get(place)) {
            if service.registered.url.is_some() {
                tx.owe_appservice(service.sn, event.position, Some(event.event), None).await?;
            }
        }
        Ok(())
    }

    /// Notes an invite of a local user to a room that this server is not in, or that it is over, for the services of that user. `event` is the
    /// signed event, `stripped` the room's state that came along with an invite.
    pub async fn owe_outside(
        &self,
        tx: &mut Tx,
        user: UserSn,
        position: Position,
        (room_id, event_id): (&RoomId, &ruma::EventId),
        (event, stripped): (&str, Option<&str>),
    ) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let Ok(mut event) = serde_json::from_str::<Map<String, Value>>(event) else { return Ok(()) };
        event.retain(|field, _| {
            matches!(field.as_str(), "type" | "sender" | "content" | "state_key" | "origin_server_ts")
        });
        event.insert("event_id".to_owned(), event_id.as_str().into());
        event.insert("room_id".to_owned(), room_id.as_str().into());
        if let Some(Ok(state)) = stripped.map(serde_json::from_str::<Value>) {
            event.insert("unsigned".to_owned(), serde_json::json!({ "invite_room_state": state }));
        }
        let json = Value::Object(event).to_string();
        for service in self.of_user(tx, user).await?.iter().filter_map(|place| self.0.services.get(*place)) {
            if service.registered.url.is_some() {
                tx.owe_appservice(service.sn, position, None, Some(&json)).await?;
            }
        }
        Ok(())
    }

    /// Whether everything in the room concerns the service: by its id, an alias, or a user of the service who is in it.
    pub(super) async fn room_concerns(
        &self,
        db: &mut Db,
        service: &Appservice,
        room: RoomSn,
        room_id: &RoomId,
    ) -> Result<bool, StoreError> {
        let registered = &service.registered;
        if registered.rooms.contains(room_id.as_str()) {
            return Ok(true);
        }
        if !registered.aliases.is_empty()
            && db.aliases(room).await?.iter().any(|alias| registered.aliases.contains(alias.as_str()))
        {
            return Ok(true);
        }
        for user in db.local_joined_members(room).await? {
            if self.is_of(db, service, user).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a user, of any server, is one of the service's.
    pub(super) async fn is_of(&self, db: &mut Db, service: &Appservice, user: UserSn) -> Result<bool, StoreError> {
        let of = self.of_user(db, user).await?;
        Ok(of.iter().filter_map(|place| self.0.services.get(*place)).any(|other| other.sn == service.sn))
    }

    /// Places of the services whose namespaces have the user; none for users of other servers.
    async fn of_user(&self, db: &mut Db, user: UserSn) -> Result<Arc<[usize]>, StoreError> {
        let lock = || self.0.of_users.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = lock().get(&user).cloned() {
            return Ok(known);
        }
        let user_id = db.user_id(user).await?;
        let services = self.0.services.iter().enumerate();
        let found: Arc<[usize]> = services
            .filter(|(_, service)| self.is_local(&user_id) && service.may_be(&user_id))
            .map(|(place, _)| place)
            .collect();
        lock().put(user, Arc::clone(&found));
        Ok(found)
    }
}
