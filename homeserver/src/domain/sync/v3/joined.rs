//! A joined room's section.

use std::collections::BTreeMap;

use ruma::{
    OwnedEventId, UInt,
    api::client::{
        filter::FilterDefinition,
        sync::sync_events::{UnreadNotificationsCount, v3 as api},
    },
};

use crate::{
    domain::sync::{
        Sync, SyncError, SyncToken, account_data, summary,
        window::{self, Window},
    },
    store::{Db, EventSn, LocalRoom, Position, StateChange, Unread},
};

use super::{
    Pass, ephemeral,
    filter::{allows_event, allows_room_type},
    room_state,
};

/// Events of a timeline when the filter does not say, and at most.
const TIMELINE: usize = 10;
const LONGEST_TIMELINE: usize = 1000;

impl Sync {
    pub(super) async fn v3_joined(
        &self,
        db: &mut Db,
        pass: &Pass<'_>,
        room: &LocalRoom,
    ) -> Result<api::JoinedRoom, SyncError> {
        let new = pass.is_new(room);
        // What of the timeline the device has: nothing of a room that it was not in.
        let after = pass.since.filter(|_| !new);
        let window = read_window(db, pass, room, after, pass.now).await?;
        let state_after = after.filter(|_| !pass.query.full_state);
        let changes = changes_since(db, room, state_after, &window).await?;
        let whole = state_after.is_none();
        let members_changed = whole || changes.iter().any(|change| change.event_type == "m.room.member");

        let mut joined = api::JoinedRoom::new();
        let mut heroes: Vec<EventSn> = Vec::new();
        if members_changed {
            // Nothing is said of members who are still to come.
            if !room.partial {
                let (in_room, invited) = db.member_counts(room.room).await?;
                joined.summary.joined_member_count = Some(UInt::from(in_room));
                joined.summary.invited_member_count = Some(UInt::from(invited));
            }
            if summary::face(db, room.room).await?.name.is_none() {
                for hero in db.heroes(room.room, pass.viewer.user).await? {
                    heroes.push(hero.event);
                    joined.summary.heroes.push(hero.user_id);
                }
            }
        }
        let wanted = room_state::Wanted {
            room,
            window: &window,
            after: state_after,
            upto: pass.now,
            changes: &changes,
            heroes: &heroes,
        };
        joined.state = room_state::read(db, pass, wanted).await?;
        joined.timeline = timeline(db, pass, &window).await?;
        joined.account_data = room_account_data(db, pass, room).await?;
        joined.ephemeral = ephemeral::read(self, db, pass, room, whole).await?;
        if whole || !joined.is_empty() {
            self.v3_unread(db, pass, room, &mut joined).await?;
        }
        Ok(joined)
    }

    async fn v3_unread(
        &self,
        db: &mut Db,
        pass: &Pass<'_>,
        room: &LocalRoom,
        joined: &mut api::JoinedRoom,
    ) -> Result<(), SyncError> {
        let unread = db.unread(pass.viewer.user, room.room).await?;
        let by_thread = pass.query.filter.room.timeline.unread_thread_notifications;
        let mut total = Unread::default();
        for (thread, count) in &unread {
            if by_thread && !thread.is_empty() {
                if let Ok(root) = OwnedEventId::try_from(thread.as_str()) {
                    joined.unread_thread_notifications.insert(root, counts(*count));
                }
            } else {
                total.notifications += count.notifications;
                total.highlights += count.highlights;
            }
        }
        joined.unread_notifications = counts(total);
        Ok(())
    }
}

fn counts(unread: Unread) -> UnreadNotificationsCount {
    let mut counts = UnreadNotificationsCount::new();
    counts.notification_count = Some(UInt::from(unread.notifications));
    counts.highlight_count = Some(UInt::from(unread.highlights));
    counts
}

/// How long timelines are.
pub(super) fn timeline_limit(filter: &FilterDefinition) -> usize {
    let limit = filter.room.timeline.limit;
    limit.map_or(TIMELINE, |limit| usize::try_from(u64::from(limit)).unwrap_or(LONGEST_TIMELINE)).min(LONGEST_TIMELINE)
}

/// The room's timeline as the filter wants it.
pub(super) async fn read_window(
    db: &mut Db,
    pass: &Pass<'_>,
    room: &LocalRoom,
    after: Option<Position>,
    upto: Position,
) -> Result<Window, SyncError> {
    let filter = &pass.query.filter.room.timeline;
    let wanted = window::Wanted {
        rooms: pass.rooms,
        viewer: pass.viewer,
        room,
        after,
        upto,
        limit: timeline_limit(&pass.query.filter),
        ignored: &pass.ignored,
    };
    let mut window = window::read(db, wanted, |row| allows_event(filter, &room.room_id, row)).await?;
    // Who comes back has an older part of the timeline, and what lies between is not known to the device.
    if after.is_none() && pass.since.is_some() && !window.limited {
        window.limited = db.has_events_upto(room.room, window.before).await?;
    }
    Ok(window)
}

/// The changes that the state section is worked out from.
pub(super) async fn changes_since(
    db: &mut Db,
    room: &LocalRoom,
    after: Option<Position>,
    window: &Window,
) -> Result<Vec<StateChange>, SyncError> {
    Ok(db.state_changes(room.room, after.unwrap_or(window.before)).await?)
}

/// The window as the answer has it.
pub(super) async fn timeline(db: &mut Db, pass: &Pass<'_>, window: &Window) -> Result<api::Timeline, SyncError> {
    let mut timeline = api::Timeline::new();
    if window.events.is_empty() && !window.limited {
        return Ok(timeline);
    }
    timeline.limited = window.limited;
    timeline.prev_batch = Some(SyncToken::at(window.before).to_string());
    timeline.events = pass.events(db, &window.events).await?;
    Ok(timeline)
}

/// The room's account data that is new to the device.
pub(super) async fn room_account_data(
    db: &mut Db,
    pass: &Pass<'_>,
    room: &LocalRoom,
) -> Result<api::RoomAccountData, SyncError> {
    let mut section = api::RoomAccountData::new();
    let filter = &pass.query.filter.room.account_data;
    // Of a room that the user was not in nothing was told, though its account data may have changed.
    let all = match pass.since {
        Some(_) if pass.is_new(room) => db.account_data_of_room(pass.viewer.user, room.room).await?,
        _ => Vec::new(),
    };
    let new = pass.account_data.get(&room.room).map(Vec::as_slice).unwrap_or_default();
    let rows = if all.is_empty() { new } else { &all };
    for data in rows.iter().filter(|data| allows_room_type(filter, &room.room_id, &data.event_type)) {
        section.events.push(account_data::event(data)?);
    }
    Ok(section)
}

/// Unread counts by thread, as both syncs read them.
pub(in crate::domain::sync) fn total(unread: &BTreeMap<String, Unread>) -> UnreadNotificationsCount {
    let mut total = Unread::default();
    for count in unread.values() {
        total.notifications += count.notifications;
        total.highlights += count.highlights;
    }
    counts(total)
}
