//! Delayed events (MSC4140): kept until their time, then sent in their user's name; a restart of the server does not lose them.

use std::{error::Error, sync::Arc, time::Duration};

use ruma::{OwnedEventId, events::TimelineEventType};
use serde_json::json;
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{accounts::random_token, events::build::canonical},
    store::{DelayedEvent, Durability, Membership, StoreError, UserSn},
};

use super::{LocalUser, NewMessage, Rooms, RoomsError};

/// The longest delay.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Events of one user that wait at once.
pub const MOST: i64 = 100;
/// Begins the transaction ids of events that waited; the id of the delay follows.
pub(super) const DELAYED: &str = "delayed ";
/// The clock is looked at again at least so often: it may jump, and the computer may sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Why an event was not delayed.
#[derive(Debug, thiserror::Error)]
pub enum DelayError {
    #[error("The delay is longer than a day")]
    TooLong,
    #[error("Too many events wait already")]
    TooMany,
    #[error("No such event waits")]
    Unknown,
    /// What is asked contradicts what was done with the event already.
    #[error("The event was {0} already")]
    Finished(&'static str),
    #[error(transparent)]
    Rooms(#[from] RoomsError),
}

impl From<StoreError> for DelayError {
    fn from(error: StoreError) -> Self {
        Self::Rooms(error.into())
    }
}

/// What is done with an event that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayAction {
    Restart,
    Send,
    Cancel,
}

/// Tells the sending task that there is something new.
#[derive(Clone, Default)]
pub(super) struct DelayedChanged(Arc<Notify>);

impl Rooms {
    /// Keeps an event for later and answers the id of its delay.
    pub async fn delay(&self, from: &LocalUser, message: NewMessage, delay: Duration) -> Result<String, DelayError> {
        if delay > LONGEST {
            return Err(DelayError::TooLong);
        }
        let mut db = self.store.read().await?;
        let room = db.room_sn(&message.room_id).await?.ok_or(RoomsError::NotInRoom)?;
        let mine = db.local_membership(from.user, room).await?;
        if mine.is_none_or(|mine| mine.membership != Membership::Join) {
            return Err(RoomsError::NotInRoom.into());
        }
        drop(db);
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let content =
            serde_json::to_string(&message.content).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        if content.len() > 65_536 {
            return Err(RoomsError::TooLarge.into());
        }
        let event = DelayedEvent {
            delay_id: random_token(&mut rand::rng()),
            user_sn: from.user,
            device_id: from.device_id.to_string(),
            room_sn: room,
            event_type: message.kind.to_string(),
            state_key: message.state_key,
            content,
            txn_id: message.txn_id,
            delay_ms,
            send_ts: self.clock.now_ms().saturating_add(delay_ms),
            finished_ts: None,
            event_id: None,
            error: None,
        };
        let kept = self
            .store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move { tx.put_delayed_event(&event, MOST).await })
            })
            .await?;
        self.delayed.0.notify_one();
        kept.ok_or(DelayError::TooMany)
    }

    /// One of the user's events, waiting or finished not long ago.
    pub async fn delayed_event(&self, user: UserSn, delay_id: &str) -> Result<Option<DelayedEvent>, StoreError> {
        self.store.read().await?.delayed_event(user, delay_id).await
    }

    /// The user's events that wait.
    pub async fn delayed(&self, user: UserSn) -> Result<Vec<DelayedEvent>, StoreError> {
        self.store.read().await?.delayed_events(user).await
    }

    /// Restarts, sends or cancels one of a user's events, or anybody's when no user is named: who knows the id was told it by its owner.
    pub async fn update_delayed(
        &self,
        user: Option<UserSn>,
        delay_id: &str,
        action: DelayAction,
    ) -> Result<(), DelayError> {
        let mut db = self.store.read().await?;
        let user = match user {
            Some(user) => user,
            None => db.delayed_event_owner(delay_id).await?.ok_or(DelayError::Unknown)?,
        };
        let event = db.delayed_event(user, delay_id).await?.ok_or(DelayError::Unknown)?;
        drop(db);
        if event.finished_ts.is_some() {
            return repeated(&event, action);
        }
        let id = delay_id.to_owned();
        let found = match action {
            DelayAction::Send => {
                // When this is refused, the event goes on waiting: what is in its way may be gone in time.
                let sent = self.send_delayed(&event).await?;
                self.finish(user, id, Some(sent), None).await?
            }
            DelayAction::Restart => {
                self.store
                    .write::<_, StoreError, _>(Durability::Full, move |tx| {
                        Box::pin(async move { tx.restart_delayed_event(user, &id).await })
                    })
                    .await?
            }
            DelayAction::Cancel => self.finish(user, id, None, None).await?,
        };
        if found {
            return Ok(());
        }
        // Its time came in between.
        let event = self.delayed_event(user, delay_id).await?.ok_or(DelayError::Unknown)?;
        repeated(&event, action)
    }

    async fn finish(
        &self,
        user: UserSn,
        delay_id: String,
        event_id: Option<OwnedEventId>,
        error: Option<String>,
    ) -> Result<bool, StoreError> {
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    let event_id = event_id.as_ref().map(|id| id.as_str());
                    tx.finish_delayed_event(user, &delay_id, event_id, error.as_deref()).await
                })
            })
            .await
    }

    /// Sends events when their time has come, until `stop`.
    pub async fn run_delayed(self, stop: CancellationToken) {
        loop {
            let wait = match self.send_due().await {
                Ok(wait) => wait.min(LOOK_AGAIN),
                Err(error) => {
                    tracing::error!(error = &error as &dyn Error, "Delayed events could not be looked at.");
                    LOOK_AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.delayed.0.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Sends what is due; answers how long nothing will be.
    async fn send_due(&self) -> Result<Duration, StoreError> {
        let now = self.clock.now_ms();
        let due = self.store.read().await?.due_delayed_events(now).await?;
        for event in due {
            let (user, delay_id) = (event.user_sn, event.delay_id.clone());
            match self.send_delayed(&event).await {
                Ok(event_id) => self.finish(user, delay_id, Some(event_id), None).await?,
                Err(RoomsError::Store(error)) => {
                    // The others' time has come as well.
                    tracing::error!(delay_id, error = &error as &dyn Error, "A delayed event could not be sent yet.");
                    continue;
                }
                Err(error) => {
                    tracing::info!(delay_id, %error, "A delayed event could not be sent.");
                    let errcode = match error {
                        RoomsError::Forbidden(_) | RoomsError::NotInRoom => "M_FORBIDDEN",
                        _ => "M_UNKNOWN",
                    };
                    let told = json!({ "errcode": errcode, "error": error.to_string() }).to_string();
                    self.finish(user, delay_id, None, Some(told)).await?
                }
            };
        }
        let next = self.store.read().await?.next_delayed_event().await?;
        let wait = next.map_or(i64::MAX, |next| next.saturating_sub(self.clock.now_ms()));
        Ok(Duration::from_millis(u64::try_from(wait).unwrap_or_default()))
    }

    /// Sends an event now, in its user's name.
    async fn send_delayed(&self, event: &DelayedEvent) -> Result<OwnedEventId, RoomsError> {
        let (user_id, room_id, account) = {
            let mut db = self.store.read().await?;
            let user_id = db.user_id(event.user_sn).await?;
            let account = db.account(&user_id).await?;
            (user_id, db.room_id(event.room_sn).await?, account)
        };
        if account.is_none_or(|account| account.locked || account.suspended || account.deactivated_ts.is_some()) {
            return Err(RoomsError::Forbidden("The account may not send any more".to_owned()));
        }
        let from = LocalUser { user: event.user_sn, user_id, device_id: event.device_id.as_str().into() };
        let message = NewMessage {
            room_id,
            kind: TimelineEventType::from(event.event_type.as_str()),
            state_key: event.state_key.clone(),
            content: canonical(&event.content)?,
            // Of a crash between the sending and the noting of it, nobody sees a second event.
            txn_id: Some(format!("{DELAYED}{}", event.delay_id)),
            redacts: None,
            timestamp: None,
        };
        match message.state_key {
            Some(_) => self.send_state(&from, message).await,
            None => self.send(&from, message).await,
        }
    }
}

/// An action on an event that is finished: the same outcome once more is none, another one contradicts.
fn repeated(event: &DelayedEvent, action: DelayAction) -> Result<(), DelayError> {
    match (action, event.event_id.is_some()) {
        (DelayAction::Send, true) | (DelayAction::Cancel, false) => Ok(()),
        (_, true) => Err(DelayError::Finished("sent")),
        (_, false) => Err(DelayError::Finished("cancelled")),
    }
}
