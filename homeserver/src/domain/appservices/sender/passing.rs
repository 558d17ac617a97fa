//! What passes and concerns a service: typing, receipts, presence, messages to its users' devices, whose keys changed.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{DeviceId, UserId};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    domain::{
        appservices::{Appservice, Appservices},
        ephemeral::Ephemeral,
    },
    store::{Db, PassingToDevice, Position, RoomSn, StoreError, UserSn},
};

/// Things of each kind in one transaction.
const MOST: u32 = 100;

/// What goes beside the events of a transaction.
#[derive(Default)]
pub(super) struct Passing {
    ephemeral: Vec<Value>,
    to_device: Vec<Value>,
    changed: BTreeSet<String>,
    /// Whom nothing that concerns the service shows any more.
    left: BTreeSet<String>,
    /// By user, device and algorithm.
    key_counts: Map<String, Value>,
    fallback_keys: Map<String, Value>,
    encryption: bool,
    /// Everything up to here is in it.
    pub up_to: Position,
}

impl Passing {
    pub(super) async fn between(
        db: &mut Db,
        appservices: &Appservices,
        ephemeral: &Ephemeral,
        service: &Appservice,
        since: Position,
        now: Position,
    ) -> Result<Self, StoreError> {
        let registered = &service.registered;
        let mut passing = Self { encryption: registered.encryption, up_to: now.max(since), ..Self::default() };
        if now <= since || !(registered.receive_ephemeral || registered.encryption) {
            return Ok(passing);
        }
        let mut look = Look { db, appservices, service, rooms: BTreeMap::new() };
        let (to_device, end) = until(look.db.to_device_between(since, now, MOST).await?, now, |m| m.position);
        let (receipts, end) = until(look.db.receipts_between(since, end, MOST).await?, end, |(_, r)| r.position);
        let (lists, end) = match registered.encryption {
            true => until(look.db.device_lists_between(since, end, MOST).await?, end, |(_, position)| *position),
            false => (Vec::new(), end),
        };
        let (sightings, end) = match registered.encryption {
            true => look.db.sightings_between(since, end, MOST).await?,
            false => (Vec::new(), end),
        };
        passing.up_to = end;
        if registered.receive_ephemeral {
            passing.typing(&mut look, ephemeral, since).await?;
            for (room, receipt) in receipts.iter().filter(|(_, receipt)| receipt.position <= end) {
                let private = receipt.receipt_type == "m.read.private";
                if look.concerns(*room).await? && (!private || look.is_of(receipt.user).await?) {
                    let data: Box<RawValue> =
                        RawValue::from_string(receipt.data.clone()).map_err(|_| StoreError::Damaged("a receipt"))?;
                    let content = json!({ receipt.event_id.as_str():
                        { receipt.receipt_type.as_str(): { receipt.user_id.as_str(): data } } });
                    let room_id = look.db.room_id(*room).await?;
                    passing.ephemeral.push(json!({ "type": "m.receipt", "room_id": room_id, "content": content }));
                }
            }
            passing.presence(&mut look, ephemeral, since).await?;
        }
        let mut holders = BTreeSet::new();
        for message in to_device.iter().filter(|message| message.position <= end) {
            if look.is_of(message.user).await? {
                passing.to_device.push(to_device_event(message)?);
                holders.insert((message.user, message.user_id.clone(), message.device_id.clone()));
            }
        }
        for (user, _) in lists.iter().filter(|(_, position)| *position <= end) {
            if look.concerns_user(*user).await? {
                let user_id = look.db.user_id(*user).await?;
                passing.changed.insert(user_id.to_string());
                if look.is_of(*user).await? {
                    let devices = look.db.device_ids(*user).await?;
                    holders.extend(devices.into_iter().map(|device| (*user, user_id.clone(), device)));
                }
            }
        }
        for (user, other, gone) in sightings {
            if look.is_of(user).await? && !(gone && look.concerns_user(other).await?) {
                let lists = if gone { &mut passing.left } else { &mut passing.changed };
                lists.insert(look.db.user_id(other).await?.to_string());
            }
        }
        if registered.encryption {
            for (user, user_id, device_id) in holders {
                passing.count_keys(look.db, user, &user_id, &device_id).await?;
            }
        }
        Ok(passing)
    }

    async fn typing(&mut self, look: &mut Look<'_>, ephemeral: &Ephemeral, since: Position) -> Result<(), StoreError> {
        for room in ephemeral.typing().rooms_changed_since(since) {
            if look.concerns(room).await? {
                let (room_id, users) = (look.db.room_id(room).await?, ephemeral.typing().now(room));
                self.ephemeral
                    .push(json!({ "type": "m.typing", "room_id": room_id, "content": { "user_ids": users } }));
            }
        }
        Ok(())
    }

    async fn presence(
        &mut self,
        look: &mut Look<'_>,
        ephemeral: &Ephemeral,
        since: Position,
    ) -> Result<(), StoreError> {
        let now = ephemeral.now_ms();
        for (user, presence) in ephemeral.presence().all_changed_since(since) {
            if look.concerns_user(user).await? {
                let mut content =
                    json!({ "presence": presence.state, "currently_active": presence.currently_active(now) });
                if let Some(content) = content.as_object_mut() {
                    if let Some(status) = &presence.status_msg {
                        content.insert("status_msg".to_owned(), status.as_str().into());
                    }
                    if let Some(ago) = presence.last_active_ago(now) {
                        content.insert("last_active_ago".to_owned(), ago.into());
                    }
                }
                self.ephemeral.push(json!({ "type": "m.presence", "sender": presence.user_id, "content": content }));
            }
        }
        Ok(())
    }

    async fn count_keys(
        &mut self,
        db: &mut Db,
        user: UserSn,
        user_id: &UserId,
        device_id: &DeviceId,
    ) -> Result<(), StoreError> {
        let counts = db.one_time_key_counts(user, device_id).await?;
        let unused = db.unused_fallback_key_types(user, device_id).await?;
        for (all, of_device) in [(&mut self.key_counts, json!(counts)), (&mut self.fallback_keys, json!(unused))] {
            let devices = all.entry(user_id.as_str()).or_insert_with(|| json!({}));
            if let Some(devices) = devices.as_object_mut() {
                devices.insert(device_id.to_string(), of_device);
            }
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ephemeral.is_empty() && self.to_device.is_empty() && self.changed.is_empty() && self.left.is_empty()
    }

    /// Puts it into a transaction's body, under the names of the proposals too where bridges still read those.
    pub(super) fn write(self, body: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if !self.ephemeral.is_empty() {
            put("de.sorunome.msc2409.ephemeral", json!(self.ephemeral));
            put("ephemeral", json!(self.ephemeral));
        }
        if !self.to_device.is_empty() {
            put("de.sorunome.msc2409.to_device", json!(self.to_device));
        }
        if !self.changed.is_empty() || !self.left.is_empty() {
            put("org.matrix.msc3202.device_lists", json!({ "changed": self.changed, "left": self.left }));
        }
        if self.encryption && !self.key_counts.is_empty() {
            put("org.matrix.msc3202.device_one_time_keys_count", json!(self.key_counts));
            put("org.matrix.msc3202.device_unused_fallback_key_types", json!(self.fallback_keys));
        }
    }
}

/// One look at what concerns a service; rooms are looked up once.
struct Look<'a> {
    db: &'a mut Db,
    appservices: &'a Appservices,
    service: &'a Appservice,
    rooms: BTreeMap<RoomSn, bool>,
}

impl Look<'_> {
    async fn concerns(&mut self, room: RoomSn) -> Result<bool, StoreError> {
        if let Some(known) = self.rooms.get(&room) {
            return Ok(*known);
        }
        let room_id = self.db.room_id(room).await?;
        let concerns = self.appservices.room_concerns(self.db, self.service, room, &room_id).await?;
        self.rooms.insert(room, concerns);
        Ok(concerns)
    }

    async fn is_of(&mut self, user: UserSn) -> Result<bool, StoreError> {
        self.appservices.is_of(self.db, self.service, user).await
    }

    /// Whether the user is the service's or in a room that concerns it.
    async fn concerns_user(&mut self, user: UserSn) -> Result<bool, StoreError> {
        if self.is_of(user).await? {
            return Ok(true);
        }
        for room in self.db.joined_rooms(user).await? {
            if self.concerns(room).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Where to stop when there may be more than was read: at the last that was.
fn until<T>(read: Vec<T>, end: Position, position: impl Fn(&T) -> Position) -> (Vec<T>, Position) {
    let full = read.len() >= usize::try_from(MOST).unwrap_or(usize::MAX);
    let end = read.last().filter(|_| full).map_or(end, |last| position(last).min(end));
    (read, end)
}

fn to_device_event(message: &PassingToDevice) -> Result<Value, StoreError> {
    let content: Value =
        serde_json::from_str(&message.content).map_err(|_| StoreError::Damaged("a to-device message"))?;
    Ok(json!({
        "type": message.event_type,
        "sender": message.sender,
        "content": content,
        "to_user_id": message.user_id,
        "to_device_id": message.device_id,
    }))
}
