//! Works on staged events: a task for each room, in the order in which they came.

use std::{error::Error, sync::Arc, time::Duration};

use ruma::{OwnedRoomId, OwnedServerName, RoomId};
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, broadcast::error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        federation::bells::{Bell, Bells},
        notifier::Wake,
        rooms::RoomsError,
    },
    store::{Durability, ServerSn, StagedPdu, StoreError},
};

use super::Inbound;

/// Rooms worked on at the same time.
const ROOMS: usize = 16;
/// Events read at a time.
const BATCH: u32 = 50;
/// An event that failed this often for reasons of our own is given up.
const ATTEMPTS: u32 = 5;
/// Answers to transactions are remembered this long.
const REMEMBERED_MS: i64 = 7 * 24 * 3600 * 1000;

impl Inbound {
    /// Works until `stop`; what is staged then is worked on by the next run.
    pub async fn run(self, stop: CancellationToken) {
        let mut wakes = self.notifier.wakes();
        let (inbound, permits) = (self.clone(), Arc::new(Semaphore::new(ROOMS)));
        let mut rooms = Bells::new(move |room_id: OwnedRoomId, bell| {
            let (inbound, permits) = (inbound.clone(), Arc::clone(&permits));
            async move {
                let _permit = permits.acquire().await;
                inbound.work(&room_id, &bell).await;
            }
        });
        let mut all = true;
        loop {
            if std::mem::take(&mut all) {
                match self.look_around().await {
                    Ok(staged) => staged.into_iter().for_each(|room_id| rooms.ring(room_id)),
                    Err(error) => tracing::error!(error = &error as &dyn Error, "Staged events could not be read."),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                wake = wakes.recv() => match wake {
                    Ok(Wake::Staging(room_id)) => rooms.ring(room_id),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => all = true,
                    Err(RecvError::Closed) => return,
                },
                () = rooms.tend() => {}
            }
        }
    }

    /// Rooms with staged events; old answers are forgotten on the way.
    async fn look_around(&self) -> Result<Vec<OwnedRoomId>, StoreError> {
        self.store
            .write::<_, StoreError, _>(Durability::Normal, |tx| {
                Box::pin(async move {
                    let before = tx.now_ms().saturating_sub(REMEMBERED_MS);
                    tx.forget_received_transactions(before).await
                })
            })
            .await?;
        let rooms = self.store.read().await?.staged_rooms().await?;
        Ok(rooms.into_iter().filter_map(|room_id| OwnedRoomId::try_from(room_id).ok()).collect())
    }

    async fn work(&self, room_id: &RoomId, bell: &Bell) {
        loop {
            bell.take();
            match self.work_on_staged(room_id).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%room_id, error = &error as &dyn Error, "A room's staged events could not be worked on.");
                    tokio::time::sleep(Duration::from_secs(10)).await;
                }
            }
        }
    }

    /// Works on the oldest staged events; false when there are none.
    async fn work_on_staged(&self, room_id: &RoomId) -> Result<bool, StoreError> {
        let staged = self.store.read().await?.staged_pdus(room_id.as_str(), BATCH).await?;
        let any = !staged.is_empty();
        for pdu in staged {
            let outcome = self.work_on(room_id, &pdu).await;
            let sn = pdu.sn;
            let again = match outcome {
                Ok(()) => false,
                Err(RoomsError::Store(error)) => return Err(error),
                Err(RoomsError::Unreachable(reason)) if pdu.attempts + 1 < ATTEMPTS => {
                    tracing::info!(%room_id, event_id = pdu.event_id, reason, "An event waits for another server.");
                    true
                }
                Err(error) => {
                    tracing::info!(%room_id, event_id = pdu.event_id, %error, "An event was not taken.");
                    false
                }
            };
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(
                        async move { if again { tx.staged_pdu_failed(sn).await } else { tx.unstage_pdu(sn).await } },
                    )
                })
                .await?;
            if again {
                tokio::time::sleep(Duration::from_secs(2) * 2_u32.pow(pdu.attempts)).await;
                return Ok(true);
            }
        }
        Ok(any)
    }

    async fn work_on(&self, room_id: &RoomId, pdu: &StagedPdu) -> Result<(), RoomsError> {
        let room = self.store.read().await?.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let rules = room.version.rules().ok_or(RoomsError::UnsupportedVersion)?;
        let origin = OwnedServerName::try_from(pdu.origin.as_str()).map_err(|_| StoreError::Damaged("an origin"))?;
        let json = RawValue::from_string(pdu.json.clone()).map_err(|_| StoreError::Damaged("a staged event"))?;
        let event = self.rooms.verified(&rules, &json).await?;
        if !self.store.read().await?.server_is_joined(room.sn, ServerSn::OURS).await? {
            return self.rooms.withdrawn(event).await;
        }
        self.accept(&origin, &room, &rules, event).await
    }
}
