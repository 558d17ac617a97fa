//! Extensions: to-device messages, keys, account data, receipts, typing, threads that are followed.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    OwnedRoomId, UInt,
    api::client::{
        sync::sync_events::v5::{self as api, request::ExtensionRoomConfig},
        threads::get_thread_subscriptions_changes::unstable::{ThreadSubscription, ThreadUnsubscription},
    },
    serde::Raw,
};

use crate::{
    domain::sync::{Sync, SyncError, SyncToken, account_data, receipts},
    store::{AccountData, Db, Membership, Position, RoomSn, StoreError},
};

use super::{
    Asked, Pass,
    connection::{Keys, Point, Told},
};

/// To-device messages in one answer when the client does not say, and at most.
const TO_DEVICE: u64 = 100;
const MOST_TO_DEVICE: u64 = 1000;
/// Changes of thread subscriptions in one answer when the client does not say, and at most.
const THREADS: u64 = 100;

/// Fills in the extensions that are on; answers whether any has news.
pub(super) async fn read(
    sync: &Sync,
    db: &mut Db,
    pass: &Pass<'_>,
    asked: &BTreeMap<RoomSn, Asked>,
    response: &mut api::Response,
    point: &mut Point,
) -> Result<bool, SyncError> {
    let mut news = to_device(db, pass, response).await?;
    news |= e2ee(db, pass, response, point).await?;
    news |= room_account_data(db, pass, asked, response, point).await?;
    news |= read_receipts(db, pass, asked, response, point).await?;
    news |= typing(sync, pass, asked, response, point)?;
    news |= thread_subscriptions(db, pass, response, point).await?;
    Ok(news)
}

async fn to_device(db: &mut Db, pass: &Pass<'_>, response: &mut api::Response) -> Result<bool, SyncError> {
    let asked = &pass.request.extensions.to_device;
    if asked.enabled != Some(true) {
        return Ok(false);
    }
    let since = match &asked.since {
        Some(since) => since.parse::<SyncToken>()?.position,
        None => Position(0),
    };
    let limit = asked.limit.map_or(TO_DEVICE, u64::from).clamp(1, MOST_TO_DEVICE);
    let limit = i64::try_from(limit).unwrap_or_default();
    let messages = db.to_device_messages(pass.viewer.user, &pass.viewer.device_id, since, pass.now, limit).await?;
    let full = i64::try_from(messages.len()).is_ok_and(|count| count >= limit);
    let next = messages.last().map(|message| message.position).filter(|_| full).unwrap_or(pass.now.max(since));
    let mut section = api::response::ToDevice::default();
    section.next_batch = SyncToken::at(next).to_string();
    for message in messages {
        section
            .events
            .push(Raw::from_json_string(message.json).map_err(|_| StoreError::Damaged("a to-device message"))?);
    }
    let news = !section.events.is_empty();
    response.extensions.to_device = Some(section);
    Ok(news)
}

async fn e2ee(
    db: &mut Db,
    pass: &Pass<'_>,
    response: &mut api::Response,
    point: &mut Point,
) -> Result<bool, SyncError> {
    if pass.request.extensions.e2ee.enabled != Some(true) {
        return Ok(false);
    }
    let (user, device) = (pass.viewer.user, &pass.viewer.device_id);
    let section = &mut response.extensions.e2ee;
    if let Some(base) = pass.base {
        section.device_lists = db.device_lists(user, base.token, pass.now).await?;
    }
    let keys = Keys(db.one_time_key_counts(user, device).await?, db.unused_fallback_key_types(user, device).await?);
    section.device_one_time_keys_count.clone_from(&keys.0);
    section.device_unused_fallback_key_types = Some(keys.1.clone());
    let news = !section.device_lists.is_empty() || pass.base.is_none_or(|base| base.keys.as_ref() != Some(&keys));
    point.keys = Some(keys);
    Ok(news)
}

/// The rooms of the request that an extension covers: those of the lists and subscriptions that it names, all by default.
fn covered<'a>(
    asked: &'a BTreeMap<RoomSn, Asked>,
    lists: Option<&'a Vec<String>>,
    rooms: Option<&'a Vec<ExtensionRoomConfig>>,
) -> impl Iterator<Item = &'a Asked> {
    asked.values().filter(move |asked| {
        let in_list =
            lists.map_or(!asked.lists.is_empty(), |lists| lists.iter().any(|list| asked.lists.contains(list)));
        let named = rooms.map_or(asked.subscribed, |rooms| {
            rooms.iter().any(|room| match room {
                ExtensionRoomConfig::AllSubscribed => asked.subscribed,
                ExtensionRoomConfig::Room(room_id) => *room_id == asked.room.room_id,
                _ => false,
            })
        });
        in_list || named
    })
}

/// What an extension has told of a room; none: nothing.
fn told<'a>(pass: &Pass<'a>, room: &Asked, was_on: bool) -> Option<Told<'a>> {
    let told = pass.base.filter(|_| was_on)?.told(room.room.room)?;
    // Of a room that the viewer came into since, nothing was told.
    let since =
        if room.room.membership == Membership::Join { room.room.joined_position } else { Some(room.room.position) };
    since.filter(|since| *since <= told.upto).map(|_| told)
}

async fn room_account_data(
    db: &mut Db,
    pass: &Pass<'_>,
    asked: &BTreeMap<RoomSn, Asked>,
    response: &mut api::Response,
    point: &mut Point,
) -> Result<bool, SyncError> {
    let extension = &pass.request.extensions.account_data;
    if extension.enabled != Some(true) {
        return Ok(false);
    }
    point.extensions.account_data = true;
    let was_on = pass.base.is_some_and(|base| base.extensions.account_data);
    let since = pass.base.filter(|_| was_on).map(|base| base.token);
    let mut new: BTreeMap<RoomSn, Vec<AccountData>> = BTreeMap::new();
    if let Some(since) = since {
        for data in db.account_data_since(pass.viewer.user, since).await? {
            new.entry(data.room).or_default().push(data);
        }
    }
    let section = &mut response.extensions.account_data;
    let mut global = match since {
        Some(_) => new.remove(&RoomSn(0)).unwrap_or_default(),
        None => db.account_data_of_room(pass.viewer.user, RoomSn(0)).await?,
    };
    if since.is_none() {
        account_data::with_push_rules(db, pass.viewer, &mut global).await?;
    }
    for data in &global {
        section.global.push(account_data::event(data)?);
    }
    for room in covered(asked, extension.lists.as_ref(), extension.rooms.as_ref()) {
        // What changed while the room was out of sight is not kept apart: all of it is told again then.
        let rows = match told(pass, room, was_on) {
            Some(Told { live: true, .. }) => new.remove(&room.room.room).unwrap_or_default(),
            _ => db.account_data_of_room(pass.viewer.user, room.room.room).await?,
        };
        if !rows.is_empty() {
            let events = rows.iter().map(account_data::event).collect::<Result<Vec<_>, _>>()?;
            section.rooms.insert(room.room.room_id.clone(), events);
        }
    }
    Ok(!section.is_empty())
}

async fn read_receipts(
    db: &mut Db,
    pass: &Pass<'_>,
    asked: &BTreeMap<RoomSn, Asked>,
    response: &mut api::Response,
    point: &mut Point,
) -> Result<bool, SyncError> {
    let extension = &pass.request.extensions.receipts;
    if extension.enabled != Some(true) {
        return Ok(false);
    }
    point.extensions.receipts = true;
    let was_on = pass.base.is_some_and(|base| base.extensions.receipts);
    let changed: BTreeSet<RoomSn> = match pass.base {
        Some(base) => {
            let changed = db.rooms_changed_since(pass.viewer.user, base.token).await?;
            changed.into_iter().filter(|(_, changes)| changes.receipts()).map(|(room, _)| room).collect()
        }
        None => BTreeSet::new(),
    };
    for room in covered(asked, extension.lists.as_ref(), extension.rooms.as_ref()) {
        let (sn, room_id): (RoomSn, &OwnedRoomId) = (room.room.room, &room.room.room_id);
        if room.room.membership != Membership::Join {
            continue;
        }
        let mut rows = match told(pass, room, was_on) {
            Some(Told { live: true, .. }) if !changed.contains(&sn) => continue,
            Some(Told { upto, live: true, .. }) => db.receipts_since(sn, upto, pass.viewer.user).await?,
            // The extension may have been off while the room was in sight.
            told => {
                let mut rows = match told {
                    Some(told) => db.receipts_since(sn, told.upto, pass.viewer.user).await?,
                    None => Vec::new(),
                };
                let shown: Vec<String> = response
                    .rooms
                    .get(room_id)
                    .map(|section| {
                        section.timeline.iter().filter_map(|event| event.get_field("event_id").ok()?).collect()
                    })
                    .unwrap_or_default();
                let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
                for receipt in db.receipts_on(sn, &shown, pass.viewer.user).await? {
                    if !rows.contains(&receipt) {
                        rows.push(receipt);
                    }
                }
                rows
            }
        };
        rows.retain(|receipt| !pass.ignored.contains(&receipt.user_id));
        // The answer holds one event of a room: of several receipts of a user on one event, the one that covers the others.
        rows.sort_by_key(|receipt| match receipt.thread_id.as_str() {
            "" => 0,
            "main" => 1,
            _ => 2,
        });
        if let Some(event) = receipts::event(&rows)?.into_iter().next() {
            response.extensions.receipts.rooms.insert(room_id.clone(), event);
        }
    }
    Ok(!response.extensions.receipts.is_empty())
}

fn typing(
    sync: &Sync,
    pass: &Pass<'_>,
    asked: &BTreeMap<RoomSn, Asked>,
    response: &mut api::Response,
    point: &mut Point,
) -> Result<bool, SyncError> {
    let extension = &pass.request.extensions.typing;
    if extension.enabled != Some(true) {
        return Ok(false);
    }
    point.extensions.typing = true;
    let was_on = pass.base.is_some_and(|base| base.extensions.typing);
    for room in covered(asked, extension.lists.as_ref(), extension.rooms.as_ref()) {
        if room.room.membership != Membership::Join {
            continue;
        }
        let users = match told(pass, room, was_on) {
            Some(Told { upto, live: true, .. }) => sync.ephemeral.typing().changed_since(room.room.room, upto),
            // The client may know of somebody who stopped while it did not look.
            _ => sync
                .ephemeral
                .typing()
                .changed_since(room.room.room, Position(0))
                .filter(|users| pass.base.is_some() || !users.is_empty()),
        };
        if let Some(users) = users {
            response.extensions.typing.rooms.insert(room.room.room_id.clone(), receipts::typing_event(&users)?);
        }
    }
    Ok(!response.extensions.typing.is_empty())
}

/// MSC4308.
async fn thread_subscriptions(
    db: &mut Db,
    pass: &Pass<'_>,
    response: &mut api::Response,
    point: &mut Point,
) -> Result<bool, SyncError> {
    let extension = &pass.request.extensions.thread_subscriptions;
    if extension.enabled != Some(true) {
        return Ok(false);
    }
    point.extensions.thread_subscriptions = true;
    let base = pass.base.filter(|base| base.extensions.thread_subscriptions);
    let after = base.map_or(Position(0), |base| base.token);
    let limit = extension.limit.map_or(THREADS, u64::from).clamp(1, THREADS);
    let limit = i64::try_from(limit).unwrap_or_default();
    let changes = db.thread_subscription_changes(pass.viewer.user, after, pass.now, limit).await?;
    let full = i64::try_from(changes.len()).is_ok_and(|count| count >= limit);
    if let Some(first) = changes.first() {
        // ruma leaves all extensions out of the answer when none of the others says anything.
        response.extensions.account_data.rooms.entry(first.room_id.clone()).or_default();
    }
    let section = &mut response.extensions.thread_subscriptions;
    section.prev_batch = changes.last().filter(|_| full).map(|last| (last.position.0 - 1).to_string());
    for change in changes {
        let stamp = UInt::try_from(change.position.0).unwrap_or_default();
        if change.subscribed {
            let told = ThreadSubscription::new(change.automatic, stamp);
            section.subscribed.entry(change.room_id).or_default().insert(change.root, told);
        } else if base.is_some() {
            let told = ThreadUnsubscription::new(stamp);
            section.unsubscribed.entry(change.room_id).or_default().insert(change.root, told);
        }
    }
    Ok(!section.is_empty())
}
