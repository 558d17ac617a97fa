//! A conversation as rows: opened, followed, paged.

mod body;
mod calls;
mod names;
mod row;
mod send_state;
mod state;
pub(crate) mod summary;
mod undecryptable;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use futures_util::{StreamExt, pin_mut};
use lru::LruCache;
use matrix_sdk::{Room, deserialized_responses::TimelineEvent, event_cache::RoomEventCacheUpdate};
use matrix_sdk_ui::timeline::{RoomExt, Timeline, TimelineDetails, TimelineItem};
use ruma::{OwnedRoomId, RoomId};
use tokio::{
    sync::{
        Mutex,
        broadcast::error::{RecvError, TryRecvError},
        watch,
    },
    task::JoinSet,
};

use self::{
    calls::CallsOfRoom,
    names::Names,
    row::{Drawing, is_call},
};
use crate::{
    ClientError, Result, Session,
    view::{TimelineRow, VectorDiff, diff},
};

/// Timelines kept ready, so that going back to a room costs nothing.
const MAX_OPEN: usize = 12;
/// What a freshly opened room shows at least, if it has that much.
const FIRST_PAGE: u16 = 30;

/// How often a timeline is made while events pour in.
const MAX_ATTEMPTS: usize = 8;

/// Rows are told at once; what takes longer is not waited for.
const TELLING: Duration = Duration::from_secs(2);

/// A room's timeline and the lock that keeps its pagination one at a time.
pub(crate) struct OpenTimeline {
    pub(crate) timeline: Timeline,
    pub(crate) paging: Mutex<()>,
    /// How many rows the view has been told of; `None` while nobody follows.
    told: watch::Sender<Option<usize>>,
}

pub(crate) struct OpenTimelines(Mutex<LruCache<OwnedRoomId, Arc<OpenTimeline>>>);

impl Default for OpenTimelines {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(MAX_OPEN).unwrap_or(NonZeroUsize::MIN))))
    }
}

/// A timeline that has each event of the room's cache once.
///
/// The SDK subscribes to the cache and reads its events in two steps: what arrives between them is in both, and every later change by position
/// then hits the row beside the one that is meant. So a timeline during whose making anything arrived is made anew.
async fn in_step(room: &Room) -> Result<Timeline> {
    room.client().event_cache().subscribe().map_err(ClientError::other)?;
    let (cache, _keep) = room.event_cache().await.map_err(ClientError::other)?;
    let (_, mut arrived) = cache.subscribe().await.map_err(ClientError::other)?;
    let mut attempt = 1;
    loop {
        let timeline = room.timeline().await?;
        let mut in_step = true;
        loop {
            match arrived.try_recv() {
                Ok(RoomEventCacheUpdate::UpdateTimelineEvents(_)) | Err(TryRecvError::Lagged(_)) => in_step = false,
                Ok(_) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if in_step {
            return Ok(timeline);
        }
        if attempt == MAX_ATTEMPTS {
            tracing::info!(room = %room.room_id(), "events came whenever a timeline was made: one of them may show twice");
            return Ok(timeline);
        }
        attempt += 1;
    }
}

impl Session {
    /// The timeline of a room, opened when it is not.
    pub(crate) async fn open_timeline(&self, room_id: &str) -> Result<Arc<OpenTimeline>> {
        let room = self.room(room_id)?;
        let mut open = self.timelines().0.lock().await;
        if let Some(timeline) = open.get(room.room_id()) {
            return Ok(timeline.clone());
        }
        let opened = Arc::new(OpenTimeline {
            timeline: in_step(&room).await?,
            paging: Mutex::default(),
            told: watch::Sender::new(None),
        });
        open.put(room.room_id().to_owned(), opened.clone());
        let ids: Vec<OwnedRoomId> = open.iter().map(|(id, _)| id.clone()).collect();
        drop(open);
        let ids: Vec<&RoomId> = ids.iter().map(AsRef::as_ref).collect();
        self.sync_loop().room_list_service().subscribe_to_rooms(&ids).await;
        Ok(opened)
    }

    /// A room's rows: first a reset, then their changes; runs until dropped.
    pub async fn follow_timeline(
        &self,
        room_id: &str,
        mut tell: impl FnMut(Vec<VectorDiff<TimelineRow>>) + Send,
    ) -> Result<()> {
        self.room_when_known(room_id).await?;
        let open = self.open_timeline(room_id).await?;
        let mut names = Names::new(open.timeline.room().clone());
        let (cache, _keep) = open.timeline.room().event_cache().await.map_err(ClientError::other)?;
        let (events, mut arrived) = cache.subscribe().await.map_err(ClientError::other)?;
        let mut calls = CallsOfRoom::new(self.user_id().to_owned(), self.device_id().into());
        calls.learn(&events);
        let (items, changes) = open.timeline.subscribe().await;
        pin_mut!(changes);

        names.learn(items.iter()).await;
        let drawing = Drawing::new(self, open.timeline.room()).await;
        let values = items.iter().map(|item| drawing.row(item, &names, &calls)).collect();
        let mut shown = items;
        tell(vec![VectorDiff::Reset { values }]);
        open.told.send_replace(Some(shown.len()));
        let _unfollow = Unfollow(open.clone());

        // A task of its own, ended with this one: while it fetches members it holds the SDK's locks, which drawing a row asks for, so it must go
        // on while rows are drawn.
        let mut first_page = JoinSet::new();
        first_page.spawn(first_page_of(open.clone()));
        loop {
            let batch = tokio::select! {
                batch = changes.next() => match batch {
                    Some(batch) => batch,
                    None => return Ok(()),
                },
                news = arrived.recv() => {
                    let told = match news {
                        Ok(RoomEventCacheUpdate::UpdateTimelineEvents(update)) => learn_of(&mut calls, update.diffs),
                        Err(RecvError::Lagged(_)) => calls.learn(&cache.events().await.map_err(ClientError::other)?),
                        Err(RecvError::Closed) => return Ok(()),
                        Ok(_) => false,
                    };
                    if told {
                        let drawing = Drawing::new(self, open.timeline.room()).await;
                        let of_calls = shown.iter().enumerate().filter(|(_, item)| item.as_event().is_some_and(is_call));
                        let again = of_calls.map(|(at, item)| VectorDiff::Set {
                            index: diff::index(at),
                            value: drawing.row(item, &names, &calls),
                        });
                        tell(again.collect());
                    }
                    continue;
                }
            };
            let mut fresh: Vec<Arc<TimelineItem>> = Vec::new();
            for change in &batch {
                let _ = change.clone().map(|item| fresh.push(item));
            }
            names.learn(fresh.iter()).await;
            fetch_quotes(&open, &fresh);
            let drawing = Drawing::new(self, open.timeline.room()).await;
            for change in &batch {
                change.clone().apply(&mut shown);
            }
            let row = |item: Arc<TimelineItem>| Some(drawing.row(&item, &names, &calls));
            tell(batch.into_iter().map(|change| diff::from_sdk(change, row)).collect());
            open.told.send_replace(Some(shown.len()));
        }
    }
}

/// True when changes of the room's events told anything new about calls.
fn learn_of(calls: &mut CallsOfRoom, changes: Vec<matrix_sdk_ui::eyeball_im::VectorDiff<TimelineEvent>>) -> bool {
    let mut events = Vec::new();
    for change in changes {
        let _ = change.map(|event| events.push(event));
    }
    calls.learn(&events)
}

/// Names of members, quoted messages, and enough messages to fill a window.
async fn first_page_of(open: Arc<OpenTimeline>) {
    open.timeline.fetch_members().await;
    let items = open.timeline.items().await;
    fetch_quotes(&open, &items.iter().cloned().collect::<Vec<_>>());
    let messages = items.iter().filter(|item| item.as_event().is_some()).count();
    if messages < usize::from(FIRST_PAGE)
        && let Err(error) = open.page_back(FIRST_PAGE).await
    {
        tracing::debug!(error = %error, "the first page of a room could not be loaded");
    }
}

impl OpenTimeline {
    /// Loads older messages; true when the beginning of the room was reached.
    pub(crate) async fn page_back(&self, count: u16) -> Result<bool> {
        let _one_at_a_time = self.paging.lock().await;
        self.timeline.paginate_backwards(count).await.map_err(ClientError::from)
    }

    /// Begins to watch for the next message of one's own; awaiting what this answers waits until it stands in the timeline.
    pub(crate) async fn next_echo(&self) -> impl Future<Output = ()> + use<> {
        let (_, changes) = self.timeline.subscribe().await;
        async move {
            pin_mut!(changes);
            let arrived = async {
                while let Some(batch) = changes.next().await {
                    let mut echo = false;
                    for change in batch {
                        let _ = change.map(|item| echo |= item.as_event().is_some_and(|event| event.is_local_echo()));
                    }
                    if echo {
                        return;
                    }
                }
            };
            if tokio::time::timeout(TELLING, arrived).await.is_err() {
                tracing::debug!("a message of one's own is slow to show");
            }
        }
    }

    /// Waits until the view has been told of every row that there is now, if anybody follows; not longer than a moment.
    pub(crate) async fn told_all(&self) {
        let rows = self.timeline.items().await.len();
        let mut told = self.told.subscribe();
        let caught_up = told.wait_for(|told| told.is_none_or(|told| told >= rows));
        if tokio::time::timeout(TELLING, caught_up).await.is_err() {
            tracing::debug!(rows, "the view is slow to be told of its rows");
        }
    }
}

/// Nobody follows the timeline any more.
struct Unfollow(Arc<OpenTimeline>);

impl Drop for Unfollow {
    fn drop(&mut self) {
        self.0.told.send_replace(None);
    }
}

/// Asks for the messages that were answered and are not loaded; the rows change when they come.
fn fetch_quotes(open: &Arc<OpenTimeline>, items: &[Arc<TimelineItem>]) {
    for item in items {
        let Some(event) = item.as_event() else { continue };
        let (Some(event_id), Some(reply)) = (event.event_id(), event.content().in_reply_to()) else { continue };
        if matches!(reply.event, TimelineDetails::Unavailable) {
            let (open, event_id) = (open.clone(), event_id.to_owned());
            tokio::spawn(async move {
                if let Err(error) = open.timeline.fetch_details_for_event(&event_id).await {
                    tracing::debug!(error = %error, "a quoted message could not be fetched");
                }
            });
        }
    }
}
