//! Messages from device to device: to local ones and to other servers, and from other servers.

use std::collections::BTreeMap;

use rand::{Rng, distr::Alphanumeric};
use ruma::{
    OwnedDeviceId, OwnedServerName, OwnedTransactionId, OwnedUserId, ServerName, UserId,
    api::federation::transactions::edu::DirectDeviceContent,
    events::{AnyToDeviceEventContent, ToDeviceEventType},
    serde::Raw,
    to_device::DeviceIdOrAllDevices,
};
use serde_json::json;

use crate::store::{Durability, ServerSn, StoreError, ToDeviceWaiting, Tx, UserSn};

use super::{Encryption, EncryptionError};

/// Contents by user and device.
pub type Messages = BTreeMap<OwnedUserId, BTreeMap<DeviceIdOrAllDevices, Raw<AnyToDeviceEventContent>>>;

/// Bytes of contents that go into one EDU; other servers refuse larger ones than 64 KiB.
const EDU_BYTES: usize = 50_000;
/// Bytes of a client's transaction id.
const TXN_ID: usize = 255;
/// Codepoints of a message id.
const MESSAGE_ID: usize = 32;
/// How long message ids of other servers are remembered: longer than anybody repeats a transaction.
const SEEN_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What other servers may leave for one device until it comes for it, in all, and those whose users share no room with its user.
const MESSAGES: i64 = 10_000;
const BYTES: i64 = 32 << 20;
const OF_STRANGERS: i64 = 100;
/// Bytes of one message from another server: an event has no more either.
const MESSAGE_BYTES: usize = 65_536;

/// A device's request to send messages.
pub struct SendToDevice {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub event_type: ToDeviceEventType,
    pub txn_id: OwnedTransactionId,
    pub messages: Messages,
}

impl Encryption {
    /// Leaves messages for local devices and in the outbox for remote ones. A repeated transaction does nothing.
    pub async fn send_to_device(&self, send: SendToDevice) -> Result<(), EncryptionError> {
        if send.txn_id.as_str().len() > TXN_ID {
            return Err(EncryptionError::InvalidParam("The transaction id is too long"));
        }
        if send.messages.values().flat_map(BTreeMap::values).any(|content| content.json().get().len() > EDU_BYTES) {
            return Err(EncryptionError::TooLarge("A message to a device has at most 50,000 bytes"));
        }
        let server_name = self.server_name.clone();
        self.store.write(Durability::Full, move |tx| Box::pin(async move { write(tx, &server_name, send).await })).await
    }

    /// Takes an `m.direct_to_device` EDU: once, from the sender's own server, for local users.
    pub async fn receive_direct_to_device(
        &self,
        origin: &ServerName,
        content: DirectDeviceContent,
    ) -> Result<(), StoreError> {
        let DirectDeviceContent { sender, ev_type, message_id, messages, .. } = content;
        if sender.server_name() != origin || message_id.as_str().chars().count() > MESSAGE_ID {
            tracing::debug!(%origin, "A to-device message that its server may not send was dropped.");
            return Ok(());
        }
        let origin = origin.to_owned();
        let messages: Messages = messages.into_iter().filter(|(user, _)| self.is_local(user)).collect();
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let mut wanted = false;
                    for user_id in messages.keys() {
                        wanted |= match tx.user_sn(user_id).await? {
                            Some(user) => !tx.device_ids(user).await?.is_empty(),
                            None => false,
                        };
                    }
                    // Nobody's message leaves nothing behind.
                    if !wanted {
                        return Ok(());
                    }
                    let server = tx.make_server_sn(&origin).await?;
                    if !tx.see_to_device(server, message_id.as_str()).await? {
                        return Ok(());
                    }
                    let sender = tx.make_user_sn(&sender).await?;
                    for (user_id, devices) in &messages {
                        deliver(tx, sender, Some(server), &ev_type, user_id, devices).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Forgets message ids that nobody will repeat any more. To be called now and then.
    pub async fn forget_old_message_ids(&self) -> Result<(), StoreError> {
        self.store
            .write(Durability::Normal, |tx| {
                Box::pin(async move {
                    let before = tx.now_ms() - SEEN_MS;
                    tx.forget_seen_to_device(before).await
                })
            })
            .await
    }
}

async fn write(tx: &mut Tx, server_name: &ServerName, send: SendToDevice) -> Result<(), EncryptionError> {
    let path = format!("sendToDevice/{}", send.event_type);
    if tx.transaction_answer(send.user, &send.device_id, &path, &send.txn_id).await?.is_some() {
        return Ok(());
    }
    tx.put_transaction_answer(send.user, &send.device_id, &path, &send.txn_id, "{}").await?;
    let mut remote: BTreeMap<OwnedServerName, Messages> = BTreeMap::new();
    for (user_id, devices) in send.messages {
        if user_id.server_name() == server_name {
            deliver(tx, send.user, None, &send.event_type, &user_id, &devices).await?;
        } else {
            remote.entry(user_id.server_name().to_owned()).or_default().insert(user_id, devices);
        }
    }
    for (server_name, messages) in remote {
        let server = tx.make_server_sn(&server_name).await?;
        for messages in in_parts(messages) {
            let content = json!({
                "sender": send.user_id,
                "type": send.event_type,
                "message_id": new_message_id(),
                "messages": messages,
            });
            let edu = json!({ "edu_type": "m.direct_to_device", "content": content }).to_string();
            tx.owe_to_device(server, &edu).await?;
        }
    }
    Ok(())
}

/// Leaves messages for the devices of a local user, as far as there are such, and within bounds when they come `from` another server.
async fn deliver(
    tx: &mut Tx,
    sender: UserSn,
    from: Option<ServerSn>,
    event_type: &ToDeviceEventType,
    user_id: &UserId,
    devices: &BTreeMap<DeviceIdOrAllDevices, Raw<AnyToDeviceEventContent>>,
) -> Result<(), StoreError> {
    let Some(user) = tx.user_sn(user_id).await? else { return Ok(()) };
    let existing = tx.device_ids(user).await?;
    let event_type = event_type.to_string();
    let stranger = from.is_some() && !tx.local_users_sharing_rooms(sender).await?.contains(&user);
    for (device, content) in devices {
        for id in &existing {
            let meant = match device {
                DeviceIdOrAllDevices::AllDevices => true,
                DeviceIdOrAllDevices::DeviceId(device) => device == id,
            };
            if meant
                && let Some(server) = from
                && !has_room(&tx.to_device_waiting(user, id, server).await?, content.json().get().len(), stranger)
            {
                tracing::debug!(
                    server = server.0,
                    "Too much waits for a device; a message of another server was dropped."
                );
                continue;
            }
            if meant {
                tx.put_to_device(user, id, sender, &event_type, content.json().get()).await?;
            }
        }
    }
    Ok(())
}

fn has_room(waiting: &ToDeviceWaiting, bytes: usize, stranger: bool) -> bool {
    let size = i64::try_from(bytes).unwrap_or(i64::MAX);
    bytes <= MESSAGE_BYTES
        && waiting.messages < MESSAGES
        && waiting.bytes.saturating_add(size) <= BYTES
        && (!stranger || waiting.of_server < OF_STRANGERS)
}

/// Cuts messages into parts of at most [`EDU_BYTES`].
fn in_parts(messages: Messages) -> Vec<Messages> {
    let mut parts = vec![Messages::new()];
    let mut bytes = 0;
    for (user_id, devices) in messages {
        for (device, content) in devices {
            let size = content.json().get().len() + user_id.as_str().len() + 64;
            if bytes > 0 && bytes + size > EDU_BYTES {
                parts.push(Messages::new());
                bytes = 0;
            }
            bytes += size;
            if let Some(part) = parts.last_mut() {
                part.entry(user_id.clone()).or_default().insert(device, content);
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn new_message_id() -> String {
    rand::rng().sample_iter(Alphanumeric).take(24).map(char::from).collect()
}

#[cfg(test)]
mod tests;
