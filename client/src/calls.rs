//! Events about calls as sync brings them, decrypted, and what a call must know of its room.

use std::{
    num::NonZeroUsize,
    time::{Duration, SystemTime},
};

use futures_util::StreamExt;
use lru::LruCache;
use matrix_sdk::{
    HttpError, Room,
    deserialized_responses::TimelineEvent,
    event_cache::RedecryptorReport,
    room::MessagesOptions,
    sync::{JoinedRoomUpdate, RoomUpdates},
};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId,
    api::{client::voip::get_turn_server_info, error::FromHttpResponseError},
    events::AnySyncTimelineEvent,
    serde::Raw,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, timeout},
};

use crate::{ClientError, Result, Session, ids, people, view::Person};

/// Events that may turn out to be about a call when their key comes.
const MAX_SEALED: usize = 512;
/// A call's first events come close together: what a short sync leaves out is among so many before it.
const BEFORE: u32 = 30;
const PATIENCE: Duration = Duration::from_secs(5);
/// Rooms with more people do not ring, so nothing is looked for in them.
const MOST_MEMBERS: u64 = 10;

/// An event of a room's timeline that is, or may be, about a call.
#[derive(Clone, Debug)]
pub struct CallEvent {
    pub room_id: OwnedRoomId,
    pub sender: OwnedUserId,
    pub event_id: OwnedEventId,
    pub event_type: String,
    /// Decrypted, of no checked shape.
    pub content: Value,
    /// Since it was sent, as the server counts, until now.
    pub age: Duration,
}

#[derive(Clone, Debug)]
pub enum CallNews {
    /// What one sync brought, in the timeline's order.
    Events(Vec<CallEvent>),
    /// Someone left a room, perhaps ourselves; `alone`: nobody but us is left in it.
    Left { room_id: OwnedRoomId, user_id: OwnedUserId, alone: bool },
}

/// What decides whether a call rings.
#[derive(Clone, Copy, Debug)]
pub struct CallRoom {
    pub direct: bool,
    /// Joined members, ourselves included.
    pub members: u64,
    pub public: bool,
    pub caller_ignored: bool,
}

/// Servers of the homeserver that help two machines to find a path.
#[derive(Clone, Debug)]
pub struct TurnServers {
    pub uris: Vec<String>,
    pub username: String,
    pub password: String,
    pub lifetime: Duration,
}

impl Session {
    /// Tells what happens in rooms that calls must know; runs until dropped.
    pub async fn follow_calls(&self, mut tell: impl FnMut(CallNews) + Send) {
        let mut updates = self.client().subscribe_to_all_room_updates();
        let reports = self.client().event_cache().subscribe_to_decryption_reports();
        let mut reports = std::pin::pin!(reports);
        let mut sealed = Sealed::default();
        loop {
            tokio::select! {
                update = updates.recv() => match update {
                    Ok(update) => self.of_update(update, &mut sealed, &mut tell).await,
                    Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "calls missed some syncs"),
                    Err(RecvError::Closed) => return,
                },
                report = reports.next() => match report {
                    Some(Ok(RedecryptorReport::ResolvedUtds { room_id, events })) => {
                        let events = self.unsealed(&room_id, events, &mut sealed).await;
                        if !events.is_empty() {
                            tell(CallNews::Events(events));
                        }
                    }
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    async fn of_update(&self, update: RoomUpdates, sealed: &mut Sealed, tell: &mut (impl FnMut(CallNews) + Send)) {
        for room_id in update.left.into_keys() {
            tell(CallNews::Left { room_id, user_id: self.user_id().to_owned(), alone: true });
        }
        let mut events = Vec::new();
        for (room_id, joined) in update.joined {
            let Some(room) = self.client().get_room(&room_id) else { continue };
            for user_id in leavers(&joined) {
                let alone = room.joined_members_count() <= 1;
                tell(CallNews::Left { room_id: room_id.clone(), user_id, alone });
            }
            let mut timeline = joined.timeline.events;
            if joined.timeline.limited
                && timeline.iter().any(may_be_call)
                && room.joined_members_count() <= MOST_MEMBERS
            {
                let mut all = before(&room, joined.timeline.prev_batch).await;
                all.append(&mut timeline);
                timeline = all;
            }
            for event in timeline {
                if is_sealed(&event) {
                    sealed.put(&event);
                } else if let Some(event) = read(&room_id, &event, Duration::ZERO) {
                    events.push(event);
                }
            }
        }
        if !events.is_empty() {
            tell(CallNews::Events(events));
        }
    }

    /// Events whose key came after them, in the order in which they came.
    async fn unsealed(
        &self,
        room_id: &RoomId,
        ids: impl IntoIterator<Item = OwnedEventId>,
        sealed: &mut Sealed,
    ) -> Vec<CallEvent> {
        let Some(room) = self.client().get_room(room_id) else { return Vec::new() };
        let Ok((cache, _keep)) = room.event_cache().await else { return Vec::new() };
        let mut found = Vec::new();
        for id in ids {
            let Some((order, came)) = sealed.take(&id) else { continue };
            if let Ok(Some(event)) = cache.find_event(&id).await
                && let Some(event) = read(room_id, &event, came.elapsed())
            {
                found.push((order, event));
            }
        }
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, event)| event).collect()
    }

    /// Sends an event about a call at once, encrypted where the room is.
    pub async fn send_call_event(&self, room_id: &RoomId, event_type: &str, content: Value) -> Result<()> {
        let room = self.client().get_room(room_id).ok_or(ClientError::NotFound("the room"))?;
        room.send_raw(event_type, content).await?;
        Ok(())
    }

    pub async fn call_room(&self, room_id: &RoomId, caller: &UserId) -> CallRoom {
        let caller_ignored = self.client().is_user_ignored(caller).await;
        match self.client().get_room(room_id) {
            Some(room) => CallRoom {
                direct: room.is_direct().await.unwrap_or(false),
                members: room.joined_members_count(),
                public: room.is_public().unwrap_or(false),
                caller_ignored,
            },
            // A room that is not known is no place to be called from.
            None => CallRoom { direct: false, members: u64::MAX, public: true, caller_ignored },
        }
    }

    /// The one other person of a room of two, whom a call in it is for.
    pub async fn call_partner(&self, room_id: &str) -> Result<(OwnedRoomId, Option<OwnedUserId>)> {
        let room = self.room(room_id)?;
        let members = room.members_no_sync(matrix_sdk::RoomMemberships::ACTIVE).await?;
        let mut others = members.iter().filter(|member| member.user_id() != self.user_id());
        let partner = others.next().map(|member| member.user_id().to_owned());
        Ok((ids::room_id(room_id)?, partner.filter(|_| others.next().is_none())))
    }

    /// A person as the room knows them; no request is made.
    pub async fn person_in(&self, room_id: &RoomId, user_id: &UserId) -> Person {
        match self.client().get_room(room_id) {
            Some(room) => people::in_room(&room, user_id).await,
            None => people::nameless(user_id),
        }
    }

    /// `None` when the server has none.
    pub async fn turn_servers(&self) -> Result<Option<TurnServers>> {
        let answer = match self.client().send(get_turn_server_info::v3::Request::new()).await {
            Ok(answer) => answer,
            // An empty object is how a server says that it has none.
            Err(HttpError::Api(error)) if matches!(*error, FromHttpResponseError::Deserialization(_)) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let uris: Vec<String> = answer.uris.into_iter().filter(|uri| !uri.trim().is_empty()).collect();
        Ok((!uris.is_empty()).then_some(TurnServers {
            uris,
            username: answer.username,
            password: answer.password,
            lifetime: answer.ttl,
        }))
    }
}

/// Events that cannot be read yet: their order and when they came.
struct Sealed {
    events: LruCache<OwnedEventId, (u64, Instant)>,
    count: u64,
}

impl Default for Sealed {
    fn default() -> Self {
        Self { events: LruCache::new(NonZeroUsize::new(MAX_SEALED).unwrap_or(NonZeroUsize::MIN)), count: 0 }
    }
}

impl Sealed {
    fn put(&mut self, event: &TimelineEvent) {
        if let Some(id) = event.event_id() {
            self.count += 1;
            let entry = (self.count, Instant::now());
            self.events.get_or_insert(id, || entry);
        }
    }

    fn take(&mut self, id: &OwnedEventId) -> Option<(u64, Instant)> {
        self.events.pop(id)
    }
}

fn is_sealed(event: &TimelineEvent) -> bool {
    event.kind.is_utd()
}

fn may_be_call(event: &TimelineEvent) -> bool {
    is_sealed(event) || head(event.raw()).is_some_and(|head| is_about_calls(&head.kind))
}

fn is_about_calls(kind: &str) -> bool {
    kind.contains("call") || kind.contains("rtc")
}

/// What came before a sync that was cut short, the oldest first.
async fn before(room: &Room, from: Option<String>) -> Vec<TimelineEvent> {
    let mut options = MessagesOptions::backward().from(from.as_deref());
    options.limit = BEFORE.into();
    match timeout(PATIENCE, room.messages(options)).await {
        Ok(Ok(page)) => page.chunk.into_iter().rev().collect(),
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "what came before a call's event could not be read");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    sender: OwnedUserId,
    event_id: OwnedEventId,
    content: Value,
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    age: Option<i64>,
}

#[derive(Deserialize)]
struct Membership {
    content: MembershipContent,
}

#[derive(Deserialize)]
struct MembershipContent {
    membership: String,
}

fn head(raw: &Raw<AnySyncTimelineEvent>) -> Option<Head> {
    raw.deserialize_as_unchecked().ok()
}

fn leavers(update: &JoinedRoomUpdate) -> Vec<OwnedUserId> {
    let member = |event: &TimelineEvent| {
        let Head { kind, state_key } = head(event.raw())?;
        let user_id = OwnedUserId::try_from(state_key.filter(|_| kind == "m.room.member")?).ok()?;
        let event: Membership = event.raw().deserialize_as_unchecked().ok()?;
        matches!(event.content.membership.as_str(), "leave" | "ban").then_some(user_id)
    };
    update.timeline.events.iter().filter_map(member).collect()
}

fn read(room_id: &RoomId, event: &TimelineEvent, waited: Duration) -> Option<CallEvent> {
    let event_type = head(event.raw()).map(|head| head.kind).filter(|kind| is_about_calls(kind))?;
    let body: Body = event.raw().deserialize_as_unchecked().ok()?;
    let age = match body.unsigned.age {
        Some(age) => Duration::from_millis(u64::try_from(age).unwrap_or_default()),
        None => age_by_clock(event),
    };
    Some(CallEvent {
        room_id: room_id.to_owned(),
        sender: body.sender,
        event_id: body.event_id,
        event_type,
        content: body.content,
        age: age + waited,
    })
}

/// Where the server tells no age: what the two clocks make of it.
fn age_by_clock(event: &TimelineEvent) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "the server gives no age: this machine's clock has to do")]
    let now = SystemTime::now();
    let sent = event.timestamp.and_then(|at| at.to_system_time());
    sent.and_then(|sent| now.duration_since(sent).ok()).unwrap_or_default()
}
