//! Works on staged events: a task for each lane of each room, in the order in which they came, what must wait going past. Where something
//! must be fetched, each server's events are a queue of their own: none waits for what another one started.

use std::{collections::HashSet, error::Error, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedRoomId, OwnedServerName, RoomId, events::TimelineEventType};
use serde_json::value::RawValue;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        events::{Pdu, versions},
        federation::bells::{Bell, Bells},
        notifier::Wake,
        rooms::RoomsError,
    },
    store::{Durability, Lane, ServerSn, StagedPdu, StoreError},
};

use super::{Inbound, missing::Helpers};

/// Events read at a time.
const BATCH: u32 = 5;
/// Servers for whose events something is fetched at the same time, in one room.
const ORIGINS: usize = 4;
/// An event that failed this often for reasons of our own is given up.
const ATTEMPTS: u32 = 8;
/// A stranger's event waits this often for the stranger's join.
const STRANGERS_ATTEMPTS: u32 = 3;
/// An event is tried again after this long at first, then after longer and longer, up to the other.
const AGAIN_MS: i64 = 60 * 1000;
const AGAIN_AT_MOST_MS: i64 = 6 * 3600 * 1000;
/// What another server must help with is given up after this time.
const PATIENCE_MS: i64 = 7 * 24 * 3600 * 1000;
/// How often it is looked whether an event may be tried again.
const LOOK: Duration = Duration::from_secs(30);
/// Answers to transactions are remembered this long, and looked through this often.
const REMEMBERED_MS: i64 = 7 * 24 * 3600 * 1000;
const FORGET_MS: i64 = 3600 * 1000;

const LANES: [Lane; 3] = [Lane::Ready, Lane::Doubtful, Lane::Lacking];

/// What becomes of a staged event.
enum Fate {
    Done,
    /// Something must be fetched for it.
    Lacks,
    /// Tried again at this time (milliseconds since 1970).
    Again(i64),
}

impl Inbound {
    /// Works until `stop`; what is staged then is worked on by the next run.
    pub async fn run(self, stop: CancellationToken) {
        let mut wakes = self.notifier.wakes();
        let inbound = self.clone();
        let mut rooms = Bells::new(move |(room_id, lane): (OwnedRoomId, Lane), bell| {
            let inbound = inbound.clone();
            async move { inbound.work(&room_id, lane, &bell).await }
        });
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut forget_ts = 0;
        loop {
            let rung = tokio::select! {
                () = stop.cancelled() => return,
                wake = wakes.recv() => match wake {
                    Ok(Wake::Staging(room_id)) => vec![room_id],
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => self.look_around(&mut forget_ts).await,
                    Err(RecvError::Closed) => return,
                },
                _ = look.tick() => self.look_around(&mut forget_ts).await,
                () = rooms.tend() => continue,
            };
            for room_id in rung {
                for lane in LANES {
                    rooms.ring((room_id.clone(), lane));
                }
            }
        }
    }

    /// Rooms with staged events that may be tried now; old answers are forgotten on the way.
    async fn look_around(&self, forget_ts: &mut i64) -> Vec<OwnedRoomId> {
        let look = async {
            let now = self.clock.now_ms();
            if !(0..FORGET_MS).contains(&now.saturating_sub(*forget_ts)) {
                *forget_ts = now;
                let before = now.saturating_sub(REMEMBERED_MS);
                self.store
                    .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                        Box::pin(async move { tx.forget_received_transactions(before).await })
                    })
                    .await?;
            }
            self.store.read().await?.staged_rooms(now).await
        };
        match look.await {
            Ok(rooms) => rooms.into_iter().filter_map(|room_id| OwnedRoomId::try_from(room_id).ok()).collect(),
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "Staged events could not be read.");
                Vec::new()
            }
        }
    }

    async fn work(&self, room_id: &RoomId, lane: Lane, bell: &Bell) {
        loop {
            bell.take();
            let worked = match lane {
                Lane::Ready => self.work_on_staged(room_id, lane, None).await,
                Lane::Doubtful | Lane::Lacking => self.work_on_each_origin(room_id, lane, bell).await.map(|()| false),
            };
            match worked {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%room_id, error = &error as &dyn Error, "A room's staged events could not be worked on.");
                    tokio::time::sleep(Duration::from_secs(10)).await;
                }
            }
        }
    }

    /// Works on what something must be fetched for, some servers at a time.
    async fn work_on_each_origin(&self, room_id: &RoomId, lane: Lane, bell: &Bell) -> Result<(), StoreError> {
        let mut running = FuturesUnordered::new();
        let mut busy: HashSet<String> = HashSet::new();
        loop {
            bell.take();
            let mut db = self.store.read().await?;
            let due = db.staged_origins(room_id.as_str(), lane, self.clock.now_ms()).await?;
            drop(db);
            for origin in due {
                if busy.len() < ORIGINS && busy.insert(origin.clone()) {
                    running.push(async move {
                        let worked = self.work_on_staged(room_id, lane, Some(&origin)).await;
                        (origin, worked)
                    });
                }
            }
            if busy.is_empty() {
                return Ok(());
            }
            tokio::select! {
                Some((origin, worked)) = running.next() => {
                    busy.remove(&origin);
                    worked?;
                }
                () = bell.notified(), if busy.len() < ORIGINS => {}
            }
        }
    }

    /// Works on the oldest staged events, all or those of one server; false when there are none that may be tried.
    async fn work_on_staged(&self, room_id: &RoomId, lane: Lane, origin: Option<&str>) -> Result<bool, StoreError> {
        let (mut db, now) = (self.store.read().await?, self.clock.now_ms());
        let staged = match origin {
            Some(origin) => db.staged_pdus_of(room_id.as_str(), lane, origin, now, BATCH).await?,
            None => db.staged_pdus(room_id.as_str(), lane, now, BATCH).await?,
        };
        drop(db);
        let any = !staged.is_empty();
        for pdu in staged {
            let fate = self.fate_of(room_id, lane, &pdu).await?;
            let sn = pdu.sn;
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move {
                        match fate {
                            Fate::Done => tx.unstage_pdu(sn).await,
                            Fate::Lacks => tx.restage_pdu(sn, Lane::Lacking).await,
                            Fate::Again(retry_ts) => tx.staged_pdu_failed(sn, retry_ts).await,
                        }
                    })
                })
                .await?;
        }
        Ok(any)
    }

    /// Works on everything that is staged, once. Nothing is caught: for tests with any bytes.
    #[cfg(any(test, fuzzing))]
    pub async fn work_on_all(&self) -> Result<(), RoomsError> {
        for room_id in self.store.read().await?.staged_rooms(i64::MAX).await? {
            let Ok(room_id) = OwnedRoomId::try_from(room_id) else { continue };
            for lane in LANES {
                for pdu in self.store.read().await?.staged_pdus(room_id.as_str(), lane, i64::MAX, 1000).await? {
                    let done = match self.work_on(&room_id, lane, &pdu).await {
                        Err(error @ RoomsError::Store(_)) => return Err(error),
                        worked => worked.unwrap_or(true),
                    };
                    self.store
                        .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                            Box::pin(async move {
                                if done {
                                    tx.unstage_pdu(pdu.sn).await
                                } else {
                                    tx.restage_pdu(pdu.sn, Lane::Lacking).await
                                }
                            })
                        })
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// Works on one event. The store's errors are its own only when another event would meet them too.
    async fn fate_of(&self, room_id: &RoomId, lane: Lane, pdu: &StagedPdu) -> Result<Fate, StoreError> {
        let event_id = &pdu.event_id;
        let now = self.clock.now_ms();
        let again = |tries: u32| {
            let wait = AGAIN_MS.saturating_mul(1 << tries.min(20)).min(AGAIN_AT_MOST_MS);
            Fate::Again(now.saturating_add(wait))
        };
        let poisoned = |what: &str| {
            tracing::error!(%room_id, event_id, what, "An event could not be worked on.");
            if pdu.attempts + 1 < ATTEMPTS { again(pdu.attempts) } else { Fate::Done }
        };
        Ok(match AssertUnwindSafe(self.work_on(room_id, lane, pdu)).catch_unwind().await {
            Ok(Ok(true)) => Fate::Done,
            Ok(Ok(false)) => Fate::Lacks,
            Ok(Err(RoomsError::Store(StoreError::Damaged(what)))) => poisoned(what),
            Ok(Err(RoomsError::Store(error))) => return Err(error),
            Ok(Err(RoomsError::Unreachable(reason))) if now.saturating_sub(pdu.received_ts) < PATIENCE_MS => {
                tracing::info!(%room_id, event_id, reason, "An event waits for another server.");
                again(pdu.attempts)
            }
            Ok(Err(RoomsError::NotInRoom)) if lane == Lane::Doubtful && pdu.attempts + 1 < STRANGERS_ATTEMPTS => {
                again(0)
            }
            Ok(Err(error)) => {
                tracing::info!(%room_id, event_id, %error, "An event was not taken.");
                Fate::Done
            }
            Err(_) => poisoned("a panic"),
        })
    }

    /// Whether it is done with; something must be fetched for it otherwise.
    async fn work_on(&self, room_id: &RoomId, lane: Lane, pdu: &StagedPdu) -> Result<bool, RoomsError> {
        let room = self.store.read().await?.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        let origin = OwnedServerName::try_from(pdu.origin.as_str()).map_err(|_| StoreError::Damaged("an origin"))?;
        let json = RawValue::from_string(pdu.json.clone()).map_err(|_| StoreError::Damaged("a staged event"))?;
        let event = self.rooms.verified(&rules, &json).await?;
        let mut db = self.store.read().await?;
        if !db.server_is_joined(room.sn, ServerSn::OURS).await? {
            drop(db);
            return self.rooms.withdrawn(event).await.map(|()| true);
        }
        if lane == Lane::Doubtful {
            let server = db.server_sn(&origin).await?.unwrap_or(ServerSn::OURS);
            if !db.server_has_members(room.sn, server).await? && !is_own_membership(&event) {
                return Err(RoomsError::NotInRoom);
            }
        }
        drop(db);
        if lane == Lane::Ready {
            return self.accept_whole(&room, event).await;
        }
        let helpers = Helpers::new(self, &room, &origin, pdu.attempts).await?;
        self.accept(&helpers, &room, &rules, event).await.map(|()| true)
    }
}

/// Whether somebody comes, knocks or leaves by it.
fn is_own_membership(event: &Pdu) -> bool {
    let membership = event.content_as::<CanonicalJsonObject>().unwrap_or_default();
    event.is_state(&TimelineEventType::RoomMember, event.sender.as_str())
        && membership.get("membership").and_then(CanonicalJsonValue::as_str).is_some()
}
