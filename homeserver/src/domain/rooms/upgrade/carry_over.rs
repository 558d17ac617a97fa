//! What a local user had in a room goes along when they enter the one that replaced it: tags, direct chats, push rules.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, RoomId, push::PushCondition};
use serde::Deserialize;

use crate::store::{RoomSn, StoreError, Tx, UserSn};

const TAGS: &str = "m.tag";
const DIRECT: &str = "m.direct";

#[derive(Deserialize)]
struct Body<T> {
    content: T,
}

#[derive(Deserialize)]
struct Create {
    predecessor: Predecessor,
}

#[derive(Deserialize)]
struct Predecessor {
    room_id: OwnedRoomId,
}

#[derive(Deserialize)]
struct Tombstone {
    replacement_room: OwnedRoomId,
}

/// A local user came into `room`.
pub(in crate::domain::rooms) async fn carry_over(tx: &mut Tx, room: RoomSn, user: UserSn) -> Result<(), StoreError> {
    let Some(create) = tx.current_state_event(room, "m.room.create", "").await? else { return Ok(()) };
    let Ok(Body { content: Create { predecessor } }) = serde_json::from_str(&create.json) else { return Ok(()) };
    let Some(old) = tx.room_sn(&predecessor.room_id).await? else { return Ok(()) };
    let room_id = tx.room_id(room).await?;
    // Any room can say that it replaced another; the other must say so too.
    let Some(tombstone) = tx.current_state_event(old, "m.room.tombstone", "").await? else { return Ok(()) };
    let tombstone = serde_json::from_str::<Body<Tombstone>>(&tombstone.json).ok();
    if tombstone.is_none_or(|tombstone| tombstone.content.replacement_room != room_id) {
        return Ok(());
    }
    if tx.local_membership(user, old).await?.is_none_or(|mine| mine.joined_position.is_none()) {
        return Ok(());
    }
    if tx.account_data(user, room, TAGS).await?.is_none()
        && let Some(tags) = tx.account_data(user, old, TAGS).await?
    {
        tx.set_account_data(user, room, TAGS, &tags).await?;
    }
    direct(tx, user, &predecessor.room_id, &room_id).await?;
    push_rules(tx, user, &predecessor.room_id, &room_id).await
}

/// A direct chat stays one.
async fn direct(tx: &mut Tx, user: UserSn, old: &RoomId, new: &RoomId) -> Result<(), StoreError> {
    let Some(content) = tx.account_data(user, RoomSn::GLOBAL, DIRECT).await? else { return Ok(()) };
    let Ok(mut chats) = serde_json::from_str::<BTreeMap<String, Vec<String>>>(&content) else { return Ok(()) };
    let mut changed = false;
    for rooms in chats.values_mut() {
        if rooms.iter().any(|room| room == old.as_str()) && !rooms.iter().any(|room| room == new.as_str()) {
            rooms.push(new.to_string());
            changed = true;
        }
    }
    if changed && let Ok(content) = serde_json::to_string(&chats) {
        tx.set_account_data(user, RoomSn::GLOBAL, DIRECT, &content).await?;
    }
    Ok(())
}

/// Rules of the old room hold for the new one too.
async fn push_rules(tx: &mut Tx, user: UserSn, old: &RoomId, new: &RoomId) -> Result<(), StoreError> {
    let mut rules = tx.push_rules(user).await?;
    let mut changed = false;
    if let Some(rule) = rules.room.get(old.as_str()).cloned()
        && rules.room.get(new.as_str()).is_none()
    {
        let mut rule = rule;
        rule.rule_id = new.to_owned();
        changed |= rules.room.insert(rule);
    }
    for kind in [&mut rules.override_, &mut rules.underride] {
        let about_it: Vec<_> = kind
            .iter()
            .filter(|rule| !rule.default && rule.conditions.iter().any(|condition| names(condition, old)))
            .cloned()
            .collect();
        for mut rule in about_it {
            for condition in &mut rule.conditions {
                if let PushCondition::EventMatch(condition) = condition
                    && condition.key == "room_id"
                {
                    condition.pattern = new.to_string();
                }
            }
            rule.rule_id = if rule.rule_id.contains(old.as_str()) {
                rule.rule_id.replace(old.as_str(), new.as_str())
            } else {
                format!("{} {new}", rule.rule_id)
            };
            changed |= kind.insert(rule);
        }
    }
    if changed {
        tx.set_push_rules(user, &rules).await?;
    }
    Ok(())
}

fn names(condition: &PushCondition, room_id: &RoomId) -> bool {
    matches!(condition, PushCondition::EventMatch(condition) if condition.key == "room_id" && condition.pattern == room_id.as_str())
}
