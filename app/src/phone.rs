//! The phone: an account's calls, joined to the client's events, to the media engine, and to what the screen shows.

mod decoded;
mod letters;
mod moves;
mod orders;
mod policy;
mod ring;
mod screen;
mod servers;
mod sharing;

use std::{sync::Arc, time::Duration};

use calls::{
    CallKey, Calls, Moment, Output, Person, RoomEvent,
    device::{Shown, Viewer},
    peer::{CallReport, Engine, Network},
    signal::SignalKind,
    signalling::CallEvents,
};
use client::{CallNews, Session};
use rand::{SeedableRng, rngs::StdRng};
use ruma::VoipId;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, sleep_until, timeout},
};

pub(crate) use self::screen::Told;
use self::{
    decoded::Decoded,
    letters::Content,
    moves::Moves,
    policy::Facts,
    ring::{Ringer, Ringing},
    screen::Screen,
    servers::Servers,
    sharing::{Chosen, Sharing},
};
use crate::{
    api::{
        call::{CallFrame, CallRef, MediaWish},
        error::AppError,
    },
    app::{App, Options},
};

/// Frames that a slow page may be behind; then it begins anew with a key frame.
const FRAMES: usize = 64;
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What says that our calls are over may take so long to be sent when the program ends.
const LAST_WORDS: Duration = Duration::from_secs(2);
const FAR: Duration = Duration::from_secs(24 * 3600);

/// What the person orders.
enum Order {
    Place {
        room_id: String,
        video: bool,
        placed: Answer,
    },
    Do {
        call: CallRef,
        what: Vec<Person>,
        done: Answer,
    },
    /// The screen of a call that is over is closed.
    Close {
        call: CallRef,
        done: Answer,
    },
    /// A page begins to show pictures, or lost some.
    Refresh,
    /// The program ends: hang up.
    End {
        done: oneshot::Sender<bool>,
    },
    /// Another camera was chosen.
    ReopenCamera,
}

type Answer = oneshot::Sender<Result<(), AppError>>;

/// The phone of a session; it rings until dropped.
pub(crate) struct Phone {
    orders: mpsc::UnboundedSender<Order>,
    views: watch::Receiver<Vec<Told>>,
    frames: broadcast::Sender<Frame>,
    decoded: Decoded,
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
        Arc::new(Self { orders, views, frames, decoded: Decoded::default() })
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

    /// Cameras that are on open anew.
    pub(crate) fn reopen_camera(&self) {
        self.order(Order::ReopenCamera);
    }

    pub(crate) fn refresh(&self) {
        self.order(Order::Refresh);
    }

    pub(crate) async fn place(&self, room_id: String, video: bool) -> Result<(), AppError> {
        self.ask(|placed| Order::Place { room_id, video, placed }).await
    }

    pub(crate) async fn act(&self, call: CallRef, what: Person) -> Result<(), AppError> {
        self.ask(|done| Order::Do { call, what: vec![what], done }).await
    }

    pub(crate) async fn set_media(&self, call: CallRef, wish: MediaWish) -> Result<(), AppError> {
        let wishes = [
            wish.microphone.map(|on| Person::Mute(!on)),
            wish.camera.map(Person::Camera),
            wish.screen.map(Person::Share),
            wish.on_hold.map(Person::Hold),
        ];
        self.ask(|done| Order::Do { call, what: wishes.into_iter().flatten().collect(), done }).await
    }

    pub(crate) async fn close(&self, call: CallRef) -> Result<(), AppError> {
        self.ask(|done| Order::Close { call, done }).await
    }

    /// Hangs up every call and says so to the other sides, closes the devices, and rings no more. True when there was a call.
    pub(crate) async fn end(&self) -> bool {
        let (done, over) = oneshot::channel();
        self.order(Order::End { done });
        over.await.unwrap_or(false)
    }

    async fn ask(&self, order: impl FnOnce(Answer) -> Order) -> Result<(), AppError> {
        let (done, answer) = oneshot::channel();
        self.order(order(done));
        answer.await.unwrap_or_else(|_| Err(AppError::not_ready()))
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
    sending: JoinHandle<()>,
    unsent: mpsc::UnboundedReceiver<(CallKey, SignalKind)>,
    screen: Screen,
    ringer: Ringer,
    servers: Servers,
    moves: Moves,
    in_call: watch::Sender<bool>,
    sharing: Sharing,
    began: Instant,
}

impl Line {
    fn new(app: &App, session: Session, show: watch::Sender<Vec<Told>>, frames: broadcast::Sender<Frame>) -> Self {
        let devices = app.inner().options.devices.clone();
        let (report, reports) = mpsc::channel(256);
        let Options { media_addresses, relay_only, .. } = &app.inner().options;
        let network = Network { servers: Vec::new(), bind: media_addresses.clone(), relay_only: *relay_only };
        let viewer = Arc::new(Frames(frames));
        let engine = Engine::new(network, devices.clone(), viewer, report, StdRng::from_os_rng());
        let (outbox, posted) = mpsc::unbounded_channel();
        let (failed, unsent) = mpsc::unbounded_channel();
        let sending = app.spawn(letters::send(session.clone(), posted, failed));
        Self {
            calls: Calls::new(session.user_id().to_owned(), CallEvents, VoipId::new),
            servers: Servers::start(app, session.clone()),
            moves: Moves::new(),
            sharing: Sharing::new(app, devices.clone()),
            ringer: Ringer::start(app, devices),
            in_call: app.inner().in_call.clone(),
            screen: Screen::new(session.clone(), show),
            session,
            engine,
            reports,
            outbox,
            sending,
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
        let over = loop {
            let in_call = self.calls.iter().next().is_some();
            self.moves.watch(in_call);
            let deadline = self.calls.next_deadline().map_or(FAR, |at| at.since(self.now()));
            let now = Instant::now();
            tokio::select! {
                () = &mut follow => break None,
                order = orders.recv() => match order {
                    Some(Order::End { done }) => break Some(done),
                    Some(order) => self.order(order).await,
                    None => break None,
                },
                Some(news) = news.recv() => self.news(news).await,
                Some(CallReport { call, report }) = self.reports.recv() => {
                    let out = self.calls.engine(&call, report, self.now());
                    self.put(out).await;
                }
                Some(chosen) = self.sharing.chosen() => self.share(chosen).await,
                Some((call, kind)) = self.unsent.recv() => {
                    let out = self.calls.not_sent(&call, kind, self.now());
                    self.put(out).await;
                }
                () = self.moves.moved() => {
                    let out = self.calls.network_changed(self.now());
                    self.put(out).await;
                }
                () = sleep_until(now + deadline) => {
                    let out = self.calls.tick(self.now());
                    self.put(out).await;
                }
                _ = look.tick(), if in_call => self.look().await,
            }
            self.ringer.set(self.screen.sound());
            self.tell_in_call(self.screen.in_call());
        };
        let hung_up = self.end().await;
        if let Some(over) = over {
            // Who ended the phone waits.
            let _ = over.send(hung_up);
        }
    }

    /// Calls that only ring here go on ringing elsewhere.
    async fn end(mut self) -> bool {
        self.ringer.set(Ringing::Nothing);
        self.tell_in_call(false);
        let ours: Vec<CallKey> =
            self.calls.iter().filter(|(_, call)| !call.is_incoming()).map(|(key, _)| key.clone()).collect();
        for key in &ours {
            let out = self.calls.person(key, Person::HangUp, self.now());
            self.put(out).await;
        }
        drop((self.reports, self.outbox));
        let said = async { tokio::join!(self.engine.close(), self.sending) };
        if timeout(LAST_WORDS, said).await.is_err() {
            tracing::info!("the other side could not be told in time that a call is over");
        }
        !ours.is_empty()
    }

    fn tell_in_call(&self, in_call: bool) {
        self.in_call.send_if_modified(|now| std::mem::replace(now, in_call) != in_call);
    }

    fn now(&self) -> Moment {
        Moment::at(self.began.elapsed())
    }

    async fn share(&mut self, Chosen { call, screen }: Chosen) {
        if !self.calls.get(&call).is_some_and(calls::Call::can_share) {
            // The call ended meanwhile; the screen closes.
            return;
        }
        match screen {
            Ok(screen) => {
                self.engine.lend_screen(&call, screen);
                let out = self.calls.person(&call, Person::Share(true), self.now());
                self.put(out).await;
            }
            Err(why) => {
                let change = calls::Change::NoPicture(calls::Device::Screen, why);
                self.put(vec![Output::Show { call, change }]).await;
            }
        }
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
