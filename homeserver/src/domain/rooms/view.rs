//! What a local user sees: events with `unsigned`, pages of history, whether an event is visible at all.

use ruma::{
    OwnedUserId, UserId,
    events::room::power_levels::{RoomPowerLevels, RoomPowerLevelsEventContent, RoomPowerLevelsSource},
    room_version_rules::RoomVersionRules,
};
use serde::Deserialize;

use crate::store::{Db, RoomSn, StoreError};

mod history;
mod ignored;
mod search;
mod threads;
mod unsigned;
mod visibility;

pub use self::{
    history::Page,
    search::{Group as SearchGroup, SearchResults, SearchToken, Wish as SearchWish},
    unsigned::Viewer,
};

#[derive(Deserialize)]
struct Body<T> {
    content: T,
}

#[derive(Deserialize)]
struct Create {
    sender: OwnedUserId,
    content: CreateContent,
}

#[derive(Deserialize)]
struct CreateContent {
    creator: Option<OwnedUserId>,
    #[serde(default)]
    additional_creators: Vec<OwnedUserId>,
}

/// The room's power levels now, with its creators.
pub(super) async fn power_levels(
    db: &mut Db,
    room: RoomSn,
    rules: &RoomVersionRules,
) -> Result<RoomPowerLevels, StoreError> {
    let content = db
        .current_state_event(room, "m.room.power_levels", "")
        .await?
        .and_then(|event| serde_json::from_str::<Body<RoomPowerLevelsEventContent>>(&event.json).ok())
        .map(|body| body.content);
    let mut creators = Vec::new();
    if let Some(create) = db.current_state_event(room, "m.room.create", "").await?
        && let Ok(create) = serde_json::from_str::<Create>(&create.json)
    {
        let creator = if rules.authorization.use_room_create_sender { None } else { create.content.creator };
        creators.push(creator.unwrap_or(create.sender));
        if rules.authorization.additional_room_creators {
            creators.extend(create.content.additional_creators);
        }
    }
    let source = content.map_or(RoomPowerLevelsSource::None, RoomPowerLevelsSource::Original);
    Ok(RoomPowerLevels::new(source, &rules.authorization, creators))
}

/// Whether the user may redact what others sent.
pub(super) async fn may_redact(
    db: &mut Db,
    room: RoomSn,
    user_id: &UserId,
    rules: &RoomVersionRules,
) -> Result<bool, StoreError> {
    Ok(power_levels(db, room, rules).await?.user_can_redact_event_of_other(user_id))
}
