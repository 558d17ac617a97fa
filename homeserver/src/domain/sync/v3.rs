//! `/v3/sync`: everything new since a token, by rooms.

mod ephemeral;
mod filter;
mod invited;
mod joined;
mod left;
mod room_state;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::{
    api::client::{
        filter::{EventFormat, FilterDefinition},
        sync::sync_events::v3 as api,
    },
    presence::PresenceState,
    serde::Raw,
};
use serde_json::{json, value::to_raw_value};

use crate::{
    domain::rooms::Rooms,
    store::{AccountData, Db, EventRow, LocalRoom, LookAhead, Membership, Position, RoomSn, StoreError},
};

use super::{LONGEST_WAIT, ROOMS_AHEAD, Sync, SyncError, SyncToken, Viewer, events, ignored::Ignored, window};

use self::filter::{allows, allows_room};

pub use self::filter::matches;
pub(super) use self::joined::total as total_unread;

/// To-device messages in one answer.
const TO_DEVICE: i64 = 100;

/// What a device asks.
#[derive(Clone, Debug)]
pub struct Query {
    pub filter: FilterDefinition,
    pub since: Option<SyncToken>,
    pub full_state: bool,
    pub timeout: Duration,
    /// State up to the end of the timeline rather than to its start.
    pub state_after: bool,
    pub set_presence: PresenceState,
}

/// What one pass over the rooms needs.
struct Pass<'a> {
    rooms: &'a Rooms,
    viewer: &'a Viewer,
    query: &'a Query,
    since: Option<Position>,
    now: Position,
    now_ms: i64,
    ignored: Ignored,
    /// Account data by room that is to be sent.
    account_data: BTreeMap<RoomSn, Vec<AccountData>>,
    typing: BTreeSet<RoomSn>,
}

impl Sync {
    /// The filter that a device stored.
    pub async fn filter(&self, viewer: &Viewer, filter_id: &str) -> Result<FilterDefinition, SyncError> {
        let filter_id: i64 = filter_id.parse().map_err(|_| SyncError::UnknownFilter)?;
        let json =
            self.store.read().await?.stored_filter(viewer.user, filter_id).await?.ok_or(SyncError::UnknownFilter)?;
        Ok(serde_json::from_str(&json).map_err(|_| StoreError::Damaged("a filter"))?)
    }

    /// Answers at once when there is something new, or when everything is asked; else waits for it.
    pub async fn v3(&self, viewer: &Viewer, query: &Query) -> Result<api::Response, SyncError> {
        if let Some(since) = query.since {
            self.acknowledge_to_device(viewer, since.to_device()).await?;
        }
        let _syncing = self.ephemeral.syncing(viewer.user, &viewer.user_id, &query.set_presence).await?;
        let mut news = self.notifier.watch_user(viewer.user);
        let timeout = tokio::time::sleep(query.timeout.min(LONGEST_WAIT));
        tokio::pin!(timeout);
        loop {
            news.borrow_and_update();
            let response = self.v3_now(viewer, query).await?;
            if query.since.is_none() || query.full_state || query.timeout.is_zero() || has_news(&response) {
                return Ok(response);
            }
            tokio::select! {
                () = &mut timeout => return Ok(response),
                changed = news.changed() => if changed.is_err() {
                    timeout.as_mut().await;
                    return Ok(response);
                },
            }
        }
    }

    /// Answers with what there is now.
    pub(super) async fn v3_now(&self, viewer: &Viewer, query: &Query) -> Result<api::Response, SyncError> {
        let now = self.store.position();
        let mut db = self.store.read().await?;
        let since = query.since.map(|since| since.position);
        let mut pass = Pass {
            rooms: &self.rooms,
            viewer,
            query,
            since,
            now,
            now_ms: self.clock.now_ms(),
            ignored: Ignored::of(&mut db, viewer.user).await?,
            account_data: BTreeMap::new(),
            typing: BTreeSet::new(),
        };
        for data in db.account_data_since(viewer.user, since.unwrap_or(Position(0))).await? {
            pass.account_data.entry(data.room).or_default().push(data);
        }
        pass.typing.extend(self.ephemeral.typing().rooms_changed_since(since.unwrap_or(Position(0))));

        let mut response = api::Response::new(String::new());
        self.v3_rooms(&mut db, &pass, &mut response.rooms).await?;
        self.v3_account_data(&mut db, &mut pass, &mut response.account_data).await?;
        self.v3_presence(&mut db, &pass, &mut response.presence).await?;
        if let Some(since) = since {
            response.device_lists = db.device_lists(viewer.user, since, now).await?;
        }
        response.device_one_time_keys_count = db.one_time_key_counts(viewer.user, &viewer.device_id).await?;
        response.device_unused_fallback_key_types =
            Some(db.unused_fallback_key_types(viewer.user, &viewer.device_id).await?);
        let mut token = SyncToken::at(now);
        let from = query.since.map_or(Position(0), SyncToken::to_device);
        let messages = db.to_device_messages(viewer.user, &viewer.device_id, from, now, TO_DEVICE).await?;
        if i64::try_from(messages.len()).unwrap_or(i64::MAX) >= TO_DEVICE {
            token.to_device = messages.last().map(|message| message.position);
        }
        for message in messages {
            response
                .to_device
                .events
                .push(Raw::from_json_string(message.json).map_err(|_| StoreError::Damaged("a to-device message"))?);
        }
        response.next_batch = token.to_string();
        Ok(response)
    }

    async fn v3_rooms(&self, db: &mut Db, pass: &Pass<'_>, rooms: &mut api::Rooms) -> Result<(), SyncError> {
        let changed = match pass.since {
            Some(since) => db.rooms_changed_since(pass.viewer.user, since).await?,
            None => BTreeMap::new(),
        };
        let everything = pass.since.is_none() || pass.query.full_state;
        let mut mine = db.sync_rooms(pass.viewer.user).await?;
        mine.retain(|room| allows_room(&pass.query.filter.room, &room.room_id));
        let new: Vec<RoomSn> = mine
            .iter()
            .filter(|room| pass.since.is_none() && room.membership == Membership::Join)
            .map(|room| room.room)
            .collect();
        let mut new = new.chunks(ROOMS_AHEAD).peekable();
        for room in mine {
            if let Some(part) = new.next_if(|part| part.first() == Some(&room.room)) {
                let ask = LookAhead {
                    user: pass.viewer.user,
                    user_id: &pass.viewer.user_id,
                    device_id: pass.viewer.device_id.as_str(),
                    upto: pass.now,
                    limit: window::page(joined::timeline_limit(&pass.query.filter)),
                    types: &BTreeSet::new(),
                    members: !pass.query.filter.room.state.lazy_load_options.is_disabled(),
                    history: true,
                };
                db.look_ahead(part, ask).await?;
            }
            let changes = changed.get(&room.room).copied().unwrap_or_default();
            let touched = changed.contains_key(&room.room) || pass.typing.contains(&room.room);
            let moved = pass.since.is_none() || changes.membership();
            match room.membership {
                Membership::Join if everything || touched => {
                    let joined = self.v3_joined(db, pass, &room).await?;
                    if everything || !joined.is_empty() {
                        rooms.join.insert(room.room_id, joined);
                    }
                }
                Membership::Invite if moved => {
                    if let Some(invited) = invited::invited(db, pass, &room).await? {
                        rooms.invite.insert(room.room_id, invited);
                    }
                }
                Membership::Knock if moved => {
                    rooms.knock.insert(room.room_id.clone(), invited::knocked(db, pass, &room).await?);
                }
                Membership::Leave | Membership::Ban
                    if changes.membership() || (everything && pass.query.filter.room.include_leave) =>
                {
                    rooms.leave.insert(room.room_id.clone(), left::left(db, pass, &room).await?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Global account data; the push rules are always among those of a first sync, since clients rely on them.
    async fn v3_account_data(
        &self,
        db: &mut Db,
        pass: &mut Pass<'_>,
        account_data: &mut api::GlobalAccountData,
    ) -> Result<(), SyncError> {
        let mut global = pass.account_data.remove(&RoomSn(0)).unwrap_or_default();
        if pass.since.is_none() {
            super::account_data::with_push_rules(db, pass.viewer, &mut global).await?;
        }
        let filter = &pass.query.filter.account_data;
        for data in global.iter().filter(|data| allows(filter, &pass.viewer.user_id, &data.event_type)) {
            account_data.events.push(super::account_data::event(data)?);
        }
        Ok(())
    }

    async fn v3_presence(&self, db: &mut Db, pass: &Pass<'_>, presence: &mut api::Presence) -> Result<(), SyncError> {
        let since = pass.since.unwrap_or(Position(0));
        if !self.ephemeral.presence().any_changed_since(since) {
            return Ok(());
        }
        let mut users: BTreeSet<_> = db.users_sharing_rooms(pass.viewer.user).await?.into_iter().collect();
        users.insert(pass.viewer.user);
        for changed in self.ephemeral.presence().changed_since(since, &users) {
            if !allows(&pass.query.filter.presence, &changed.user_id, "m.presence") {
                continue;
            }
            let mut content = json!({
                "presence": changed.state,
                "last_active_ago": changed.last_active_ago(pass.now_ms),
                "currently_active": changed.currently_active(pass.now_ms),
            });
            // Absent, never null: clients check the event's form.
            if let (Some(status), Some(content)) = (&changed.status_msg, content.as_object_mut()) {
                content.insert("status_msg".to_owned(), status.clone().into());
            }
            if let (Some(user), Some(content)) = (db.user_sn(&changed.user_id).await?, content.as_object_mut()) {
                for (field, value) in db.member_profile(user).await? {
                    content.insert(field, value.into());
                }
            }
            let event = json!({ "type": "m.presence", "sender": changed.user_id, "content": content });
            presence.events.push(Raw::from_json(to_raw_value(&event).map_err(|_| StoreError::Damaged("presence"))?));
        }
        Ok(())
    }
}

/// Whether an answer is worth ending the wait.
fn has_news(response: &api::Response) -> bool {
    let rooms = &response.rooms;
    !(rooms.join.is_empty()
        && rooms.invite.is_empty()
        && rooms.knock.is_empty()
        && rooms.leave.is_empty()
        && response.presence.is_empty()
        && response.account_data.is_empty()
        && response.to_device.is_empty()
        && response.device_lists.is_empty())
}

impl Pass<'_> {
    /// Events of a timeline in the format that the filter wants.
    async fn events<T>(&self, db: &mut Db, rows: &[EventRow]) -> Result<Vec<Raw<T>>, StoreError> {
        match self.query.filter.event_format {
            EventFormat::Federation => events::raw(rows),
            _ => events::timeline(db, self.viewer, rows, self.now_ms).await,
        }
    }

    /// The same of a state section.
    fn state<T>(&self, rows: &[EventRow]) -> Result<Vec<Raw<T>>, StoreError> {
        match self.query.filter.event_format {
            EventFormat::Federation => events::raw(rows),
            _ => events::state(rows, self.now_ms),
        }
    }

    /// Whether the viewer came into the room after the token, so that all of its state is new to the device.
    fn is_new(&self, room: &LocalRoom) -> bool {
        match (self.since, room.joined_position) {
            (None, _) => true,
            (Some(since), Some(joined)) => joined > since,
            (Some(_), None) => true,
        }
    }
}
