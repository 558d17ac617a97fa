//! A room's section of the answer: all of it the first time, then what changed.

use std::collections::BTreeSet;

use ruma::{JsOption, UInt, api::client::sync::sync_events::v5::response as api};

use crate::{
    domain::sync::{
        SyncError, SyncToken, events,
        state::changed_before,
        stripped, summary,
        v3::total_unread,
        window::{self, Window},
    },
    store::{Db, EventSn, LocalRoom, Membership, Position, RoomChanges, StateChange, StateEntry, UserSn},
};

use super::{Asked, Pass, RequiredState, connection::Told};

const MEMBER: &str = "m.room.member";

/// A room asked for, and what is known of it.
pub(super) struct Wanted<'a> {
    pub(super) asked: &'a Asked,
    pub(super) told: Option<&'a Told<'a>>,
    /// What happened since the point's token.
    pub(super) changes: RoomChanges,
    pub(super) bump: Option<Position>,
}

/// How much of a joined room is to be sent.
struct Extent {
    /// Up to where the client has the room; none: nothing of it.
    from: Option<Position>,
    /// The timeline is sent anew, as long as is asked now.
    longer: bool,
    /// Required state that was not asked before.
    more_state: RequiredState,
    /// Required state that was ever asked.
    all_state: RequiredState,
}

/// Builds the section; none when there is nothing to tell.
pub(super) async fn read(db: &mut Db, pass: &Pass<'_>, wanted: Wanted<'_>) -> Result<Option<api::Room>, SyncError> {
    let room = &wanted.asked.room;
    let mut section = match room.membership {
        Membership::Invite | Membership::Knock => {
            if wanted.told.is_some_and(|told| told.upto >= room.position) {
                return Ok(None);
            }
            match outside(db, pass, room).await? {
                Some(section) => section,
                None => return Ok(None),
            }
        }
        _ => match joined(db, pass, &wanted).await? {
            Some(section) => section,
            None => return Ok(None),
        },
    };
    let bump = wanted.bump.unwrap_or(room.position);
    section.bump_stamp = u64::try_from(bump.0).ok().and_then(|bump| UInt::try_from(bump).ok());
    section.is_dm = Some(pass.dms.contains(&room.room_id));
    Ok(Some(section))
}

/// An invite or a knock: stripped state; none of an invite that the viewer does not want.
async fn outside(db: &mut Db, pass: &Pass<'_>, room: &LocalRoom) -> Result<Option<api::Room>, SyncError> {
    let mut section = api::Room::new();
    section.initial = Some(true);
    let stripped = stripped::state(db, pass.viewer, room).await?;
    if room.membership == Membership::Invite && pass.ignored.hides_invite(stripped.inviter.as_deref()) {
        return Ok(None);
    }
    let text = |event_type: &str, field: &str| {
        let content = stripped.content(event_type)?;
        content.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    section.name = text("m.room.name", "name").or_else(|| text("m.room.canonical_alias", "alias"));
    if let Some(url) = text("m.room.avatar", "url") {
        section.avatar = JsOption::Some(url.into());
    }
    section.invite_state = Some(stripped.events);
    Ok(Some(section))
}

async fn joined(db: &mut Db, pass: &Pass<'_>, wanted: &Wanted<'_>) -> Result<Option<api::Room>, SyncError> {
    let (asked, room) = (wanted.asked, &wanted.asked.room);
    // Who left and came back, or was only invited, knows nothing of the room as it is now.
    let told = wanted.told.filter(|told| room.joined_position.is_some_and(|joined| joined <= told.upto));
    let mut all_state = asked.required_state.clone();
    if let Some(told) = told {
        all_state.extend(told.required_state);
    }
    let extent = Extent {
        all_state,
        from: told.map(|told| told.upto),
        longer: told.is_some_and(|told| asked.timeline_limit > told.timeline_limit),
        more_state: told
            .map_or_else(|| asked.required_state.clone(), |told| asked.required_state.beyond(told.required_state)),
    };
    if let Some(from) = extent.from {
        let live = pass.base.is_some_and(|base| base.token == from);
        let quiet = live && !wanted.changes.events() && !wanted.changes.state() && !wanted.changes.membership();
        let unread =
            (!live || wanted.changes.receipts()) && db.own_receipt_changed(room.room, pass.viewer.user, from).await?;
        if quiet && !unread && !extent.longer && extent.more_state.is_empty() {
            return Ok(None);
        }
        let section = joined_section(db, pass, asked, &extent).await?;
        // What an ignored user says is not shown, yet it may count and lifts the room. What came after this answer's moment is no news yet.
        let hidden = section.timeline.is_empty()
            && wanted.changes.events()
            && !db.timeline(room.room, from, pass.now, 1).await?.is_empty();
        let told_anything = !section.timeline.is_empty()
            || !section.required_state.is_empty()
            || section.limited
            // Members who came without an event that tells of them: they were on their way when the room was joined.
            || section.joined_count.is_some()
            || hidden;
        return Ok((told_anything || unread || extent.longer).then_some(section));
    }
    Ok(Some(joined_section(db, pass, asked, &extent).await?))
}

async fn joined_section(db: &mut Db, pass: &Pass<'_>, asked: &Asked, extent: &Extent) -> Result<api::Room, SyncError> {
    let room = &asked.room;
    let initial = extent.from.is_none();
    let after = extent.from.filter(|_| !extent.longer);
    let window = read_window(db, pass, room, after, pass.now, asked.timeline_limit).await?;
    let changes = match extent.from {
        Some(from) => db.state_changes(room.room, from).await?,
        None => Vec::new(),
    };
    let mut section = api::Room::new();
    section.initial = initial.then_some(true);
    put_timeline(db, pass, &window, &mut section).await?;
    section.required_state = required_state(db, pass, asked, extent, &changes, &window).await?;

    let changed = |event_type: &str| initial || changes.iter().any(|change| change.event_type == event_type);
    let renamed = changed("m.room.name") || changed("m.room.canonical_alias") || changed(MEMBER);
    let face =
        if renamed || changed("m.room.avatar") { summary::face(db, room.room).await? } else { Default::default() };
    let name = face.name.filter(|_| renamed);
    section.name.clone_from(&name);
    if changed(MEMBER) || (name.is_none() && changed("m.room.name")) {
        let (joined, invited) = db.member_counts(room.room).await?;
        // Nothing is said of members who are still to come.
        if !room.partial {
            section.joined_count = Some(UInt::from(joined));
            section.invited_count = Some(UInt::from(invited));
        }
        if name.is_none() {
            let heroes = db.heroes(room.room, pass.viewer.user).await?;
            section.name = summary::name_of_heroes(&heroes, joined, invited);
            section.heroes = Some(heroes.into_iter().map(hero).collect());
        }
    }
    if changed("m.room.avatar") {
        section.avatar = match face.avatar {
            Some(url) => JsOption::Some(url),
            None if initial => JsOption::Undefined,
            None => JsOption::Null,
        };
    }
    section.unread_notifications = total_unread(&db.unread(pass.viewer.user, room.room).await?);
    Ok(section)
}

fn hero(hero: crate::store::Hero) -> api::Hero {
    let mut shown = api::Hero::new(hero.user_id);
    shown.name = hero.display_name;
    shown.avatar = hero.avatar_url.map(Into::into);
    shown
}

async fn read_window(
    db: &mut Db,
    pass: &Pass<'_>,
    room: &LocalRoom,
    after: Option<Position>,
    upto: Position,
    limit: usize,
) -> Result<Window, SyncError> {
    let wanted =
        window::Wanted { rooms: pass.rooms, viewer: pass.viewer, room, after, upto, limit, ignored: &pass.ignored };
    Ok(window::read(db, wanted, |_| true).await?)
}

async fn put_timeline(db: &mut Db, pass: &Pass<'_>, window: &Window, section: &mut api::Room) -> Result<(), SyncError> {
    // Without a timeline nothing was left out of it.
    section.limited = window.limited;
    section.prev_batch = Some(SyncToken::at(window.before).to_string());
    let live = pass.base.map_or(pass.now, |base| base.token);
    let num_live = window.events.iter().filter(|event| event.position.is_some_and(|position| position > live)).count();
    section.num_live = Some(UInt::try_from(num_live).unwrap_or_default());
    section.timeline = events::timeline(db, pass.viewer, &window.events, pass.now_ms).await?;
    Ok(())
}

/// The state that the client asked for: all of it at first, then what changed of all it ever asked and what it asks anew. Members, when loaded lazily, are
/// those who wrote in the timeline, and those who changed.
async fn required_state(
    db: &mut Db,
    pass: &Pass<'_>,
    asked: &Asked,
    extent: &Extent,
    changes: &[StateChange],
    window: &Window,
) -> Result<Vec<ruma::serde::Raw<ruma::events::AnySyncStateEvent>>, SyncError> {
    let (room, me, required) = (asked.room.room, &pass.viewer.user_id, &extent.all_state);
    let mut entries: Vec<StateEntry> = extent.more_state.read(db, room, me).await?;
    let changed = changed_before(changes, Position(i64::MAX));
    entries.extend(changed.into_values().filter(|entry| {
        required.wants(&entry.event_type, &entry.state_key, me)
            || (entry.event_type == MEMBER && required.lazy_members())
    }));
    let mut events: BTreeSet<EventSn> = entries.into_iter().map(|entry| entry.event).collect();
    if asked.required_state.lazy_members() {
        events.extend(members_of(db, asked.room.room, window).await?);
    }
    let events: Vec<EventSn> = events.into_iter().collect();
    let rows = db.event_rows(&events).await?;
    Ok(events::state(&rows, pass.now_ms)?)
}

/// The member events of those who wrote in the window and of those whom its member events are about.
async fn members_of(db: &mut Db, room: crate::store::RoomSn, window: &Window) -> Result<Vec<EventSn>, SyncError> {
    let users: BTreeSet<UserSn> = window.events.iter().map(|event| event.sender).collect();
    let mut events = db.member_events(room, &users.into_iter().collect::<Vec<_>>()).await?;
    let keys: Vec<_> =
        window.events.iter().filter(|event| event.event_type == MEMBER).filter_map(|event| event.key).collect();
    events.extend(db.state_events_by_keys(room, &keys).await?);
    Ok(events)
}

/// A room that the viewer left since it was told: its end, and the member event that says so.
pub(super) async fn left(
    db: &mut Db,
    pass: &Pass<'_>,
    room: &LocalRoom,
    told: &Told<'_>,
) -> Result<Option<api::Room>, SyncError> {
    let Some(event) = room.event else { return Ok(None) };
    let mut section = api::Room::new();
    section.is_dm = Some(pass.dms.contains(&room.room_id));
    let mut events: BTreeSet<EventSn> = [event].into();
    if room.joined_position.is_some_and(|joined| joined <= told.upto) {
        let end = room.left_position.unwrap_or(room.position);
        let window = read_window(db, pass, room, Some(told.upto), end, told.timeline_limit).await?;
        let mut changes = db.state_changes(room.room, told.upto).await?;
        changes.retain(|change| change.position <= end);
        let changed = changed_before(&changes, Position(i64::MAX));
        let me = &pass.viewer.user_id;
        events.extend(
            changed
                .into_values()
                .filter(|entry| told.required_state.wants(&entry.event_type, &entry.state_key, me))
                .map(|entry| entry.event),
        );
        put_timeline(db, pass, &window, &mut section).await?;
    }
    let rows = db.event_rows(&events.into_iter().collect::<Vec<_>>()).await?;
    section.required_state = events::state(&rows, pass.now_ms)?;
    section.bump_stamp = u64::try_from(room.position.0).ok().and_then(|bump| UInt::try_from(bump).ok());
    section.unread_notifications = total_unread(&Default::default());
    Ok(Some(section))
}
