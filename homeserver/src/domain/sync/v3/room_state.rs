//! The state section of a room: all of it or what changed, before or after the timeline, members as lazily as asked.

use std::collections::BTreeSet;

use ruma::events::AnySyncStateEvent;
use ruma::{api::client::sync::sync_events::v3 as api, serde::Raw};

use crate::{
    domain::sync::{
        SyncError,
        state::{StateByKey, add_untold, changed_before, delta_before_timeline, rewind},
        window::Window,
    },
    store::{Db, EventSn, KeySn, LocalRoom, Position, StateChange, StateEntry, UserSn},
};

use super::{Pass, filter::allows_event};

const MEMBER: &str = "m.room.member";

/// What a room's state section is made of.
pub(super) struct Wanted<'a> {
    pub(super) room: &'a LocalRoom,
    pub(super) window: &'a Window,
    /// The token; `None` when all state is wanted.
    pub(super) after: Option<Position>,
    /// Where the viewer's view of the room ends.
    pub(super) upto: Position,
    /// Changes of the state since the token, or since the window's start when all state is wanted; up to now, so that what came after the
    /// view's end can be taken back.
    pub(super) changes: &'a [StateChange],
    /// Members whose events make the room's name.
    pub(super) heroes: &'a [EventSn],
}

/// Builds the section.
pub(super) async fn read(db: &mut Db, pass: &Pass<'_>, wanted: Wanted<'_>) -> Result<api::State, SyncError> {
    let filter = &pass.query.filter.room.state;
    let lazy = !filter.lazy_load_options.is_disabled();
    let start = if pass.query.state_after { Position(wanted.upto.0.saturating_add(1)) } else { wanted.window.start() };
    let mut state = match wanted.after {
        None => {
            let now =
                if lazy { whole_but_members(db, &wanted).await? } else { db.state_entries(wanted.room.room).await? };
            let keys: BTreeSet<KeySn> = now.iter().map(|entry| entry.key).collect();
            at_start(pass, &wanted, now, start, |change| {
                !lazy || change.event_type != MEMBER || keys.contains(&change.key)
            })
        }
        Some(_) if pass.query.state_after => changed_before(wanted.changes, start),
        Some(_) => {
            let seen = wanted.changes.partition_point(|change| change.position <= wanted.upto);
            let seen = wanted.changes.get(..seen).unwrap_or_default();
            delta_before_timeline(seen, start, &wanted.told_by_timeline())
        }
    };
    if lazy {
        add_members(db, pass, &wanted, start, &mut state).await?;
    }
    let events: Vec<EventSn> = state.into_values().map(|entry| entry.event).collect();
    let mut rows = db.event_rows(&events).await?;
    rows.retain(|row| allows_event(filter, &wanted.room.room_id, row));
    if !pass.query.state_after {
        // Events of the timeline are not repeated in the state before it.
        let told: BTreeSet<EventSn> = wanted.window.events.iter().map(|event| event.event).collect();
        rows.retain(|row| !told.contains(&row.event));
    }
    let events: Vec<Raw<AnySyncStateEvent>> = pass.state(&rows)?;
    Ok(if pass.query.state_after { api::State::After(events.into()) } else { api::State::Before(events.into()) })
}

/// The state where the section ends: with `state`, that is the start of the timeline, but for what the timeline does not tell.
fn at_start(
    pass: &Pass<'_>,
    wanted: &Wanted<'_>,
    now: Vec<StateEntry>,
    start: Position,
    keep: impl Fn(&StateChange) -> bool,
) -> StateByKey {
    let mut state = rewind(now, wanted.changes, start, &keep);
    if !pass.query.state_after {
        let seen = |change: &StateChange| change.position <= wanted.upto && keep(change);
        add_untold(&mut state, wanted.changes, start, &wanted.told_by_timeline(), seen);
    }
    state
}

impl Wanted<'_> {
    fn told_by_timeline(&self) -> BTreeSet<KeySn> {
        self.window.events.iter().filter_map(|event| event.key).collect()
    }
}

async fn whole_but_members(db: &mut Db, wanted: &Wanted<'_>) -> Result<Vec<StateEntry>, SyncError> {
    Ok(db.state_entries_but_members(wanted.room.room).await?)
}

/// Adds the members that a lazily loaded section needs: who wrote in the window, and at first the viewer and the heroes.
async fn add_members(
    db: &mut Db,
    pass: &Pass<'_>,
    wanted: &Wanted<'_>,
    start: Position,
    state: &mut StateByKey,
) -> Result<(), SyncError> {
    let mut users: BTreeSet<UserSn> = wanted.window.events.iter().map(|event| event.sender).collect();
    if wanted.after.is_none() {
        users.insert(pass.viewer.user);
    }
    let users: Vec<UserSn> = users.into_iter().collect();
    let mut events = db.member_events(wanted.room.room, &users).await?;
    if wanted.after.is_none() {
        events.extend(wanted.heroes);
    }
    let now: Vec<StateEntry> = db
        .event_rows(&events)
        .await?
        .into_iter()
        .filter_map(|row| {
            Some(StateEntry { key: row.key?, event_type: row.event_type, state_key: String::new(), event: row.event })
        })
        .collect();
    let keys: BTreeSet<KeySn> = now.iter().map(|entry| entry.key).collect();
    let members = at_start(pass, wanted, now, start, |change| keys.contains(&change.key));
    for (key, entry) in members {
        state.entry(key).or_insert(entry);
    }
    Ok(())
}
