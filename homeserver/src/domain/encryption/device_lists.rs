//! Device lists across servers: what others may ask of our users, and what they tell of theirs.

use ruma::{
    DeviceId, ServerName, UInt, UserId,
    api::federation::{
        device::get_devices::v1::{Response as Devices, UserDevice},
        transactions::edu::{DeviceListUpdateContent, SigningKeyUpdateContent},
    },
    encryption::{CrossSigningKey, DeviceKeys},
    serde::Raw,
};

use crate::store::{Durability, RemoteList, StoreError, Tx, Usage, UserSn};

use super::{Encryption, EncryptionError, query};

impl Encryption {
    /// The whole device list of a local user, for another server.
    pub async fn devices_of(&self, user_id: &UserId) -> Result<Devices, EncryptionError> {
        const UNKNOWN: EncryptionError = EncryptionError::NotFound("There is no such user here");
        if !self.is_local(user_id) {
            return Err(UNKNOWN);
        }
        let mut db = self.store.read().await?;
        let user = db.user_sn(user_id).await?.ok_or(UNKNOWN)?;
        // Read before the list: a change in between is then told again, not lost.
        let stream_id = db.device_list_stream_id(user).await?;
        let signatures = db.key_signatures(user, None).await?;
        let mut answer = Devices::new(user_id.to_owned(), UInt::try_from(stream_id).unwrap_or_default());
        for row in db.device_keys(user).await? {
            let mut device = UserDevice::new(row.device_id.clone(), query::device_keys(&row, &signatures)?);
            device.device_display_name = row.display_name;
            answer.devices.push(device);
        }
        let keys = db.cross_signing_keys(user).await?;
        answer.master_key = keys.master.map(|key| query::cross_signing_key(&key, &signatures)).transpose()?;
        answer.self_signing_key =
            keys.self_signing.map(|key| query::cross_signing_key(&key, &signatures)).transpose()?;
        Ok(answer)
    }

    /// Takes an `m.device_list_update` EDU. What does not follow on what we have makes our copy stale.
    pub async fn receive_device_list_update(
        &self,
        origin: &ServerName,
        content: DeviceListUpdateContent,
    ) -> Result<(), StoreError> {
        if content.user_id.server_name() != origin || self.is_local(&content.user_id) {
            tracing::debug!(%origin, "A device list update that its server may not send was dropped.");
            return Ok(());
        }
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let Some(user) = followed(tx, &content.user_id).await? else { return Ok(()) };
                    let known = tx.remote_list(user).await?;
                    apply(tx, user, known, content).await
                })
            })
            .await
    }

    /// Takes an `m.signing_key_update` EDU.
    pub async fn receive_signing_key_update(
        &self,
        origin: &ServerName,
        content: SigningKeyUpdateContent,
    ) -> Result<(), StoreError> {
        if content.user_id.server_name() != origin || self.is_local(&content.user_id) {
            tracing::debug!(%origin, "A signing key update that its server may not send was dropped.");
            return Ok(());
        }
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let Some(user) = followed(tx, &content.user_id).await? else { return Ok(()) };
                    for (usage, key) in
                        [(Usage::Master, content.master_key), (Usage::SelfSigning, content.self_signing_key)]
                    {
                        if let Some(key) = key.filter(|key| is_key_of(key, &content.user_id)) {
                            tx.put_cross_signing_key(user, usage, key.json().get()).await?;
                        }
                    }
                    tx.note_device_list_change(user).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Keeps what a remote user's server answered as our copy, when a local user shares a room with them.
    pub(super) async fn keep_remote_list(&self, user_id: &UserId, answer: Devices) -> Result<(), StoreError> {
        let user_id = user_id.to_owned();
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let Some(user) = followed(tx, &user_id).await? else { return Ok(()) };
                    let stream_id = i64::from(answer.stream_id);
                    let heard = tx.remote_list(user).await?.filter(|list| list.stale).and_then(|list| list.stream_id);
                    // A step that came while the answer was under way is not in it.
                    let list = match heard {
                        Some(heard) if heard > stream_id => RemoteList { stream_id: Some(heard), stale: true },
                        _ => RemoteList { stream_id: Some(stream_id), stale: false },
                    };
                    tx.clear_remote_devices(user).await?;
                    for device in answer.devices {
                        if is_device_of(&device.keys, &user_id, &device.device_id) {
                            let name = device.device_display_name.as_deref();
                            tx.put_remote_device(user, &device.device_id, device.keys.json().get(), name).await?;
                        }
                    }
                    for (usage, key) in
                        [(Usage::Master, answer.master_key), (Usage::SelfSigning, answer.self_signing_key)]
                    {
                        if let Some(key) = key.filter(|key| is_key_of(key, &user_id)) {
                            tx.put_cross_signing_key(user, usage, key.json().get()).await?;
                        }
                    }
                    tx.set_remote_list(user, list).await
                })
            })
            .await
    }
}

/// The number of a remote user, when a local user shares a room with them. Lists of others are not kept.
async fn followed(tx: &mut Tx, user_id: &UserId) -> Result<Option<UserSn>, StoreError> {
    let Some(user) = tx.user_sn(user_id).await? else { return Ok(None) };
    Ok((!tx.local_users_sharing_rooms(user).await?.is_empty()).then_some(user))
}

async fn apply(
    tx: &mut Tx,
    user: UserSn,
    known: Option<RemoteList>,
    content: DeviceListUpdateContent,
) -> Result<(), StoreError> {
    let stream_id = i64::from(content.stream_id);
    match step(known, stream_id, content.prev_id.iter().map(|id| i64::from(*id))) {
        Step::Known => return Ok(()),
        Step::Gap { heard } => tx.mark_remote_list_stale(user, heard).await?,
        Step::Next => {
            let keys = content.keys.filter(|_| content.deleted != Some(true));
            match keys {
                Some(keys) if !is_device_of(&keys, &content.user_id, &content.device_id) => {
                    tx.mark_remote_list_stale(user, Some(stream_id)).await?;
                    tx.note_device_list_change(user).await?;
                    return Ok(());
                }
                Some(keys) => {
                    let name = content.device_display_name.as_deref();
                    tx.put_remote_device(user, &content.device_id, keys.json().get(), name).await?;
                }
                None => tx.delete_remote_device(user, &content.device_id).await?,
            }
            tx.set_remote_list(user, RemoteList { stream_id: Some(stream_id), stale: false }).await?;
        }
    }
    tx.note_device_list_change(user).await?;
    Ok(())
}

/// How an update stands to our copy.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// We have it.
    Known,
    /// It follows on what we have.
    Next,
    /// Something before it is missing; `heard` is the newest step to expect of the whole list.
    Gap { heard: Option<i64> },
}

fn step(known: Option<RemoteList>, stream_id: i64, previous: impl Iterator<Item = i64>) -> Step {
    let Some(RemoteList { stream_id: known, stale }) = known else { return Step::Gap { heard: Some(stream_id) } };
    let Some(known) = known.filter(|_| !stale) else {
        return Step::Gap { heard: Some(known.map_or(stream_id, |known| known.max(stream_id))) };
    };
    if stream_id == known {
        return Step::Known;
    }
    if stream_id < known {
        // A server that lost its database counts from the start again: whatever it says of the whole list is right.
        return Step::Gap { heard: None };
    }
    let mut previous = previous.peekable();
    if previous.peek().is_some() && previous.all(|id| id <= known) {
        Step::Next
    } else {
        Step::Gap { heard: Some(stream_id) }
    }
}

fn is_device_of(keys: &Raw<DeviceKeys>, user_id: &UserId, device_id: &DeviceId) -> bool {
    keys.deserialize().is_ok_and(|keys| keys.user_id == user_id && keys.device_id == device_id)
}

fn is_key_of(key: &Raw<CrossSigningKey>, user_id: &UserId) -> bool {
    key.deserialize().is_ok_and(|key| key.user_id == user_id)
}

#[cfg(test)]
mod tests;
