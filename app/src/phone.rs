//! The phone: an account's calls, joined to the client's events, to the media engine, and to what the screen shows.

mod policy;
mod ring;
mod screen;
mod servers;

use std::{sync::Arc, time::Duration};

use calls::{
    CallKey, Calls, LocalMedia, Moment, Output, Person, RoomEvent,
    calls::NotPlaced,
    device::{Shown, Viewer},
    peer::{CallReport, Engine, Network},
    signal::SignalKind,
    signalling::{CallEvents, to_json},
};
use client::{CallNews, Session};
use rand::{SeedableRng, rngs::StdRng};
use ruma::{
    VoipId,
    events::{AnyMessageLikeEventContent, MessageLikeEventContent as _},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, sleep_until},
};

pub(crate) use self::screen::Told;
use self::{policy::Facts, ring::Ringer, screen::Screen, servers::Servers};
use crate::{
    api::{
        call::{CallFrame, CallRef, MediaWish},
        error::{AppError, ErrorCode},
    },
    app::App,
};

/// Frames that a slow page may be behind; then it begins anew with a key frame.
const FRAMES: usize = 64;
const LOOK_AGAIN: Duration = Duration::from_secs(2);
const FAR: Duration = Duration::from_secs(24 * 3600);

/// What the person orders.
enum Order {
    Place {
        room_id: String,
        video: bool,
        placed: oneshot::Sender<Result<(), AppError>>,
    },
    Do {
        call: CallRef,
        what: Person,
    },
    Media {
        call: CallRef,
        wish: MediaWish,
    },
    /// The screen of a call that is over is closed.
    Close {
        call: CallRef,
    },
    /// A page begins to show pictures, or lost some.
    Refresh,
}

/// The phone of a session; it rings until dropped.
pub(crate) struct Phone {
    orders: mpsc::UnboundedSender<Order>,
    views: watch::Receiver<Vec<Told>>,
    frames: broadcast::Sender<Frame>,
}

/// One frame and the call that it belongs to.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) call: CallRef,
    pub(crate) frame: Arc<CallFrame>,
}

impl Phone {
    pub(crate) fn start(app: &App, session: Session) -> Arc<Self> {
        let (orders, wanted) = mpsc::unbounded_channel();
        let (show, views) = watch::channel(Vec::new());
        let frames = broadcast::Sender::new(FRAMES);
        let line = Line::new(app, session, show, frames.clone());
        app.spawn(line.run(wanted));
        Arc::new(Self { orders, views, frames })
    }

    pub(crate) fn views(&self) -> watch::Receiver<Vec<Told>> {
        self.views.clone()
    }

    /// Pictures from now on; each stream begins with a key frame.
    pub(crate) fn frames(&self) -> broadcast::Receiver<Frame> {
        let frames = self.frames.subscribe();
        self.order(Order::Refresh);
        frames
    }

    pub(crate) fn refresh(&self) {
        self.order(Order::Refresh);
    }

    pub(crate) async fn place(&self, room_id: String, video: bool) -> Result<(), AppError> {
        let (placed, answer) = oneshot::channel();
        self.order(Order::Place { room_id, video, placed });
        answer.await.unwrap_or_else(|_| Err(AppError::not_ready()))
    }

    pub(crate) fn act(&self, call: CallRef, what: Person) {
        self.order(Order::Do { call, what });
    }

    pub(crate) fn set_media(&self, call: CallRef, wish: MediaWish) {
        self.order(Order::Media { call, wish });
    }

    pub(crate) fn close(&self, call: CallRef) {
        self.order(Order::Close { call });
    }

    fn order(&self, order: Order) {
        // The session is over when nobody takes orders: its calls are, too.
        let _ = self.orders.send(order);
    }
}

/// What runs behind a [`Phone`].
struct Line {
    session: Session,
    calls: Calls<CallEvents>,
    engine: Engine,
    reports: mpsc::Receiver<CallReport>,
    outbox: mpsc::UnboundedSender<(CallKey, SignalKind, Content)>,
    unsent: mpsc::UnboundedReceiver<(CallKey, SignalKind)>,
    screen: Screen,
    ringer: Ringer,
    servers: Servers,
    began: Instant,
}

type Content = Box<AnyMessageLikeEventContent>;

impl Line {
    fn new(app: &App, session: Session, show: watch::Sender<Vec<Told>>, frames: broadcast::Sender<Frame>) -> Self {
        let devices = app.inner().options.devices.clone();
        let (report, reports) = mpsc::channel(256);
        let network =
            Network { servers: Vec::new(), bind: app.inner().options.media_addresses.clone(), relay_only: false };
        let viewer = Arc::new(Frames(frames));
        let engine = Engine::new(network, devices.clone(), viewer, report, StdRng::from_os_rng());
        let (outbox, letters) = mpsc::unbounded_channel();
        let (failed, unsent) = mpsc::unbounded_channel();
        app.spawn(send(session.clone(), letters, failed));
        Self {
            calls: Calls::new(session.user_id().to_owned(), CallEvents, VoipId::new),
            servers: Servers::start(app, session.clone()),
            ringer: Ringer::start(app, devices),
            screen: Screen::new(session.clone(), show),
            session,
            engine,
            reports,
            outbox,
            unsent,
            began: Instant::now(),
        }
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let (tell, mut news) = mpsc::unbounded_channel();
        let session = self.session.clone();
        let follow = session.follow_calls(move |news| _ = tell.send(news));
        tokio::pin!(follow);
        let mut look = tokio::time::interval(LOOK_AGAIN);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let in_call = self.calls.iter().next().is_some();
            let deadline = self.calls.next_deadline().map_or(FAR, |at| at.since(self.now()));
            let now = Instant::now();
            tokio::select! {
                () = &mut follow => return,
                order = orders.recv() => match order {
                    Some(order) => self.order(order).await,
                    None => return,
                },
                Some(news) = news.recv() => self.news(news).await,
                Some(CallReport { call, report }) = self.reports.recv() => {
                    let out = self.calls.engine(&call, report, self.now());
                    self.put(out).await;
                }
                Some((call, kind)) = self.unsent.recv() => {
                    let out = self.calls.not_sent(&call, kind, self.now());
                    self.put(out).await;
                }
                () = sleep_until(now + deadline) => {
                    let out = self.calls.tick(self.now());
                    self.put(out).await;
                }
                _ = look.tick(), if in_call => self.look().await,
            }
            self.ringer.set(self.screen.sound());
        }
    }

    fn now(&self) -> Moment {
        Moment::at(self.began.elapsed())
    }

    async fn order(&mut self, order: Order) {
        match order {
            Order::Place { room_id, video, placed } => {
                // Nobody waits any more when the page is gone; the call is placed all the same.
                let _ = placed.send(self.place(&room_id, video).await);
            }
            Order::Do { call, what } => {
                let Some(key) = key(&call) else { return };
                let out = self.calls.person(&key, what, self.now());
                self.put(out).await;
            }
            Order::Media { call, wish } => {
                let Some(key) = key(&call) else { return };
                let wishes = [
                    wish.microphone.map(|on| Person::Mute(!on)),
                    wish.camera.map(Person::Camera),
                    wish.screen.map(Person::Share),
                    wish.on_hold.map(Person::Hold),
                ];
                for what in wishes.into_iter().flatten() {
                    let out = self.calls.person(&key, what, self.now());
                    self.put(out).await;
                }
            }
            Order::Close { call } => self.screen.close(&call),
            Order::Refresh => {
                for (key, _) in self.calls.iter() {
                    self.engine.refresh(key);
                }
            }
        }
    }

    async fn place(&mut self, room_id: &str, video: bool) -> Result<(), AppError> {
        let (room, partner) = self.session.call_partner(room_id).await?;
        let media = if video { LocalMedia::video() } else { LocalMedia::voice() };
        let (key, out) = self.calls.place(room, partner.clone(), media, self.now()).map_err(|why| match why {
            NotPlaced::InThisRoom(_) => {
                AppError::new(ErrorCode::Failed, "There is a call in this conversation already.")
            }
            NotPlaced::BeingSetUp(_) => AppError::new(ErrorCode::Failed, "Another call is being set up."),
            NotPlaced::TooMany => AppError::new(ErrorCode::Failed, "There are too many calls."),
        })?;
        self.screen.placed(&key, partner.as_deref(), media).await;
        self.put(out).await;
        Ok(())
    }

    async fn news(&mut self, news: CallNews) {
        match news {
            CallNews::Events(events) => {
                let facts = Facts::of(&self.session, &events).await;
                let events = events.into_iter().map(|event| RoomEvent {
                    room: event.room_id,
                    sender: event.sender,
                    event_id: Some(event.event_id),
                    event_type: event.event_type,
                    content: event.content,
                    age: event.age,
                });
                let out = self.calls.sync(events.collect(), &facts, self.now());
                self.put(out).await;
            }
            CallNews::Left { room_id, user_id, alone } => {
                let out = self.calls.left(&room_id, &user_id, alone, self.now());
                self.put(out).await;
            }
        }
    }

    /// Does what the calls want done, in their order.
    async fn put(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { call, kind, content } => {
                    // The sender ends with the session.
                    let _ = self.outbox.send((call, kind, content));
                }
                Output::Engine { call, command } => {
                    if matches!(command, calls::Command::Open { .. }) {
                        self.engine.set_servers(self.servers.now());
                    }
                    self.engine.command(&call, command);
                }
                Output::Show { call, change } => {
                    let with = self.calls.get(&call).and_then(calls::Call::peer).map(ToOwned::to_owned);
                    self.screen.change(&call, change, with.as_deref()).await;
                }
                Output::CannotJoin { room, sender } => {
                    tracing::info!(%room, %sender, "There is a call that this app cannot join yet.");
                }
                Output::BrokenInvite { room, sender } => {
                    tracing::info!(%room, %sender, "Someone's app calls in words that cannot be understood.");
                }
            }
        }
        self.screen.tell();
    }

    /// Looks how the connections do.
    async fn look(&mut self) {
        let connected: Vec<CallKey> =
            self.calls.iter().filter(|(_, call)| call.is_active()).map(|(key, _)| key.clone()).collect();
        for key in connected {
            if let Some(statistics) = self.engine.statistics(&key).await {
                self.screen.measured(&key, &statistics);
            }
        }
        self.screen.tell();
    }
}

/// Sends events one after the other, so that none overtakes another.
async fn send(
    session: Session,
    mut letters: mpsc::UnboundedReceiver<(CallKey, SignalKind, Content)>,
    failed: mpsc::UnboundedSender<(CallKey, SignalKind)>,
) {
    while let Some((call, kind, content)) = letters.recv().await {
        let event_type = content.event_type().to_string();
        let sent = match to_json(&content) {
            Ok(json) => session
                .send_call_event(&call.room, &event_type, json)
                .await
                .map_err(|error| crate::errors::chain(&error)),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            tracing::warn!(error, "an event of a call could not be sent");
            if failed.send((call, kind)).is_err() {
                return;
            }
        }
    }
}

/// Hands the pictures of calls to whoever shows them.
struct Frames(broadcast::Sender<Frame>);

impl Viewer for Frames {
    fn show(&self, shown: Shown<'_>) {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        if self.0.receiver_count() == 0 {
            return;
        }
        let frame = CallFrame {
            ours: shown.whose == calls::Side::Us,
            stream: shown.stream.to_owned(),
            key: shown.frame.key,
            width: shown.frame.width,
            height: shown.frame.height,
            stamp: shown.stamp,
            data: STANDARD.encode(&shown.frame.data),
        };
        let _ = self.0.send(Frame { call: reference(shown.call), frame: Arc::new(frame) });
    }
}

fn reference(key: &CallKey) -> CallRef {
    CallRef { room_id: key.room.to_string(), call_id: key.call_id.to_string() }
}

fn key(call: &CallRef) -> Option<CallKey> {
    Some(CallKey { room: call.room_id.as_str().try_into().ok()?, call_id: call.call_id.as_str().into() })
}
