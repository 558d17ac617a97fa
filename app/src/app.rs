//! The app: the parts it owns, and what every request and subscription reaches them through.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use calls::device::Devices;
use client::{MediaBytes, Session};
use homeserver::Power;
use tokio::{
    sync::{Mutex, broadcast, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    alerts::{AlertChange, Focus},
    api::{
        error::AppError,
        push::AppEvent,
        status::{Connection, ConnectionState, Status},
    },
    call_network::TurnChoice,
    data_folder::DataFolder,
    phone::Phone,
    recording::Recorder,
    scanning::Scanner,
    secrets::{Secrets, SecretsIn},
    server::{RunningServer, ServerChoice},
    settings::SettingsFile,
    uploads::{Upload, Uploads},
};

/// Events kept for a page that is still loading.
const MAX_UNHEARD: usize = 8;

/// How an app is started.
#[derive(Clone)]
pub struct Options {
    pub folder: PathBuf,
    pub secrets: SecretsIn,
    /// Where a new account is made; an account that exists knows its own server.
    pub server: ServerChoice,
    /// Microphones, speakers and cameras for calls.
    pub devices: Arc<dyn Devices>,
    /// Where media of calls listens, see [`everywhere`].
    pub media_addresses: Vec<SocketAddr>,
    /// Let calls use nothing but TURN servers.
    pub relay_only: bool,
    /// Of our own homeserver.
    pub turn: TurnChoice,
}

/// All interfaces but loopback, any port; a kind of address that this computer lacks costs nothing.
pub fn everywhere() -> Vec<SocketAddr> {
    vec![(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()]
}

/// A running app; cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// What exists once the data folder is ours.
pub(crate) struct Data {
    pub(crate) folder: DataFolder,
    pub(crate) settings: SettingsFile,
    pub(crate) uploads: Uploads,
}

pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) data: OnceLock<Data>,
    pub(crate) secrets: std::sync::Mutex<Option<Arc<Secrets>>>,
    pub(crate) server: Mutex<Option<RunningServer>>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) connection: watch::Sender<Connection>,
    pub(crate) session: watch::Sender<Option<Session>>,
    pub(crate) phone: watch::Sender<Option<Arc<Phone>>>,
    pub(crate) in_call: watch::Sender<bool>,
    pub(crate) events: broadcast::Sender<AppEvent>,
    unheard: std::sync::Mutex<Vec<AppEvent>>,
    pub(crate) alerts: broadcast::Sender<AlertChange>,
    pub(crate) focus: watch::Sender<Focus>,
    pub(crate) recorder: Recorder,
    pub(crate) scanner: Scanner,
    /// Held while the network is tried.
    pub(crate) checking: Mutex<()>,
    /// Held while the test sound plays.
    pub(crate) chime: Mutex<()>,
    /// Starting, unlocking and creating exclude each other.
    pub(crate) phase: Mutex<()>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Starts in the background; where it stands is told by the `status` subscription. Needs a tokio runtime.
    pub fn start(options: Options) -> Self {
        let app = Self {
            inner: Arc::new(Inner {
                options,
                data: OnceLock::new(),
                secrets: std::sync::Mutex::default(),
                server: Mutex::default(),
                status: watch::Sender::new(Status::Opening),
                connection: watch::Sender::new(Connection {
                    state: ConnectionState::Connecting,
                    sentence: "Starting".to_owned(),
                    peers_reachable: 0,
                    peers_known: 0,
                }),
                session: watch::Sender::new(None),
                phone: watch::Sender::new(None),
                in_call: watch::Sender::new(false),
                events: broadcast::Sender::new(64),
                unheard: std::sync::Mutex::default(),
                alerts: broadcast::Sender::new(64),
                focus: watch::Sender::new(Focus::default()),
                recorder: Recorder::default(),
                scanner: Scanner::default(),
                checking: Mutex::default(),
                chime: Mutex::default(),
                phase: Mutex::default(),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
        };
        app.spawn(app.clone().begin());
        app
    }

    /// Hangs up, stops sync and the server, and waits until all have ended.
    pub async fn shutdown(&self) {
        let phone = self.inner.phone.send_replace(None);
        if let Some(phone) = phone
            && phone.end().await
        {
            // What was said last has to reach the other side's server, too.
            self.power(Power::Sleep).await;
        }
        self.inner.stop.cancel();
        if let Some(session) = self.inner.session.send_replace(None) {
            session.stop_sync().await;
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if let Some(server) = self.inner.server.lock().await.take() {
            server.shutdown().await;
        }
    }

    /// To be told when the computer goes to sleep and when it is awake again; sleep answers within about two seconds.
    pub async fn power(&self, power: Power) {
        if let Some(server) = self.inner.server.lock().await.as_ref() {
            server.power(power).await;
        }
    }

    /// Where the app stands, for adapters and tests; the UI subscribes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.inner.status.subscribe()
    }

    /// Bytes of a picture or file by the name that the view gave it.
    pub async fn media(&self, name: &str, small: bool) -> Result<MediaBytes, AppError> {
        Ok(self.session()?.media().fetch(name, small).await?)
    }

    /// A place for a file that the UI hands over; `finish_upload` answers the token that names it.
    pub fn begin_upload(&self) -> Result<Upload, AppError> {
        self.data()?.uploads.begin()
    }

    pub fn finish_upload(&self, upload: Upload) -> Result<String, AppError> {
        Ok(self.data()?.uploads.accept(upload))
    }

    /// Tells the window to do something once: a notification or a link was clicked.
    pub fn tell(&self, event: AppEvent) {
        if let Err(unheard) = self.inner.events.send(event)
            && let Ok(mut waiting) = self.inner.unheard.lock()
            && waiting.len() < MAX_UNHEARD
        {
            waiting.push(unheard.0);
        }
    }

    /// What was told while no page listened: a link that started the program.
    pub(crate) fn take_unheard(&self) -> Vec<AppEvent> {
        self.inner.unheard.lock().map(|mut waiting| std::mem::take(&mut *waiting)).unwrap_or_default()
    }

    /// Whether the person talks, or calls somebody: the screen stays on meanwhile.
    pub fn in_call(&self) -> watch::Receiver<bool> {
        self.inner.in_call.subscribe()
    }

    /// What a shell shows as system notifications.
    pub fn alerts(&self) -> broadcast::Receiver<AlertChange> {
        self.inner.alerts.subscribe()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn data(&self) -> Result<&Data, AppError> {
        self.inner.data.get().ok_or_else(AppError::not_ready)
    }

    pub(crate) fn session(&self) -> Result<Session, AppError> {
        self.inner.session.borrow().clone().ok_or_else(AppError::not_ready)
    }

    pub(crate) fn phone(&self) -> Result<Arc<Phone>, AppError> {
        self.inner.phone.borrow().clone().ok_or_else(AppError::not_ready)
    }

    pub(crate) fn sessions(&self) -> watch::Receiver<Option<Session>> {
        self.inner.session.subscribe()
    }

    pub(crate) fn secrets(&self) -> Result<Arc<Secrets>, AppError> {
        let secrets = self.inner.secrets.lock().ok().and_then(|secrets| secrets.clone());
        secrets.ok_or_else(AppError::not_ready)
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.inner.status.send_if_modified(|current| {
            let changed = *current != status;
            if changed {
                *current = status;
            }
            changed
        });
    }

    /// Runs a task until it ends or the app stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let stop = self.inner.stop.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        })
    }
}
