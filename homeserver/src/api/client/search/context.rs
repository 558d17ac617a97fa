//! What stands around a found event, and who they were who said it.

use std::collections::BTreeMap;

use ruma::{
    OwnedUserId, UInt,
    api::client::search::search_events::v3::{EventContext, EventContextResult, UserProfile},
    room_version_rules::RoomVersionRules,
};
use serde::Deserialize;

use crate::{
    api::{auth::Sender, client::room::show, error::ApiError},
    clock::Clock,
    domain::rooms::{Page, Rooms},
    store::{Db, Position, RoomRow, StoreError, StoredEvent},
};

/// Most events on each side.
const MOST: i64 = 50;

#[derive(Deserialize)]
struct Member {
    content: UserProfile,
}

pub(super) async fn around(
    rooms: &Rooms,
    sender: &Sender,
    clock: &Clock,
    room: &RoomRow,
    rules: &RoomVersionRules,
    event: &StoredEvent,
    wanted: &EventContext,
) -> Result<EventContextResult, ApiError> {
    let mut context = EventContextResult::new();
    let Some(position) = event.position else { return Ok(context) };
    let side = |limit: UInt| i64::try_from(u64::from(limit)).unwrap_or(MOST).min(MOST);
    let (before, after) = (side(wanted.before_limit), side(wanted.after_limit));
    let (user, user_id) = (sender.user, &*sender.user_id);
    let just_before = Position(position.0 - 1);
    let page = Page { from: Some(just_before), to: None, backwards: true, limit: before };
    let (earlier, start) = rooms.page(user, user_id, room, page, |_| true).await?;
    let page = Page { from: Some(position), to: None, backwards: false, limit: after };
    let (later, end) = rooms.page(user, user_id, room, page, |_| true).await?;
    context.start = Some(start.unwrap_or(just_before).0.to_string());
    context.end = Some(end.unwrap_or_else(|| rooms.store().position()).0.to_string());
    if wanted.include_profile {
        let mut db = rooms.store().read().await?;
        for event in earlier.iter().chain([event]).chain(&later) {
            profile(rooms, &mut db, event, &mut context.profile_info).await?;
        }
    }
    let now = clock.now_ms();
    context.events_before = show(rooms, sender, now, &room.room_id, rules, &earlier).await?;
    context.events_after = show(rooms, sender, now, &room.room_id, rules, &later).await?;
    Ok(context)
}

/// The sender's profile as it was in the room then.
async fn profile(
    rooms: &Rooms,
    db: &mut Db,
    event: &StoredEvent,
    profiles: &mut BTreeMap<OwnedUserId, UserProfile>,
) -> Result<(), StoreError> {
    let user_id = db.user_id(event.sender).await?;
    if profiles.contains_key(&user_id) {
        return Ok(());
    }
    let member = rooms.sender_at(db, event).await?;
    let member = member.and_then(|member| serde_json::from_str::<Member>(&member.json).ok());
    profiles.insert(user_id, member.map(|member| member.content).unwrap_or_default());
    Ok(())
}
