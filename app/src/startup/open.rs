//! Opening an account: its server, its session, sync, and the streams that follow them.

use std::sync::Arc;

use client::{Homeserver, Session, Store, SyncState};

use crate::{
    api::{
        error::AppError,
        status::{Connection, ConnectionState},
    },
    app::App,
    phone::Phone,
    secrets::{Account, Home, OwnDomain, Secrets},
    server::RunningServer,
    startup::blocking,
};

impl App {
    /// Ends a server that an earlier try has started: its folder is locked.
    pub(super) async fn end_server(&self) {
        if let Some(earlier) = self.inner().server.lock().await.take() {
            earlier.shutdown().await;
        }
    }

    /// Opens the account of this folder and makes the app ready.
    pub(super) async fn open(&self, secrets: Arc<Secrets>, account: Account) -> Result<(), AppError> {
        self.end_server().await;
        let server = match &account.home {
            Home::Own { domain } => self.start_own(&secrets, domain.as_ref(), false).await?,
            Home::Elsewhere { address } => RunningServer::elsewhere(address, None),
        };
        let reach = self.keep_server(server).await;
        let session = Session::restore(&reach, &self.store(&secrets)?, account.session).await?;
        self.go_ready(session, &secrets, matches!(account.home, Home::Own { .. })).await
    }

    pub(super) async fn start_own(
        &self,
        secrets: &Arc<Secrets>,
        domain: Option<&OwnDomain>,
        new_account: bool,
    ) -> Result<RunningServer, AppError> {
        let folder = self.data()?.folder.path().to_owned();
        let (keeper, has_domain) = (secrets.clone(), domain.is_some());
        let identity = blocking(move || keeper.identity(has_domain)).await??;
        RunningServer::own(&folder, domain, identity, new_account, self.inner().options.turn).await
    }

    pub(super) fn store(&self, secrets: &Secrets) -> Result<Store, AppError> {
        let folder = self.data()?.folder.client();
        let key = secrets.store_key()?;
        crate::data_folder::private_folder(&folder)?;
        Ok(Store { folder, key })
    }

    pub(super) async fn keep_server(&self, server: RunningServer) -> Homeserver {
        let reach = server.reach.clone();
        *self.inner().server.lock().await = Some(server);
        reach
    }

    /// The session is whole: sync starts, the streams follow, the screen opens.
    pub(super) async fn go_ready(&self, session: Session, secrets: &Secrets, own_server: bool) -> Result<(), AppError> {
        self.finish_keys(&session, secrets).await?;
        // Before the first sync, which may bring a call that rings.
        let phone = Phone::start(self, session.clone());
        self.spawn(self.clone().follow_ringing(phone.views()));
        self.inner().phone.send_replace(Some(phone));
        session.start_sync().await;
        self.spawn(self.clone().follow_connection(session.clone()));
        self.spawn(self.clone().follow_notifications(session.clone()));
        self.set_ready(&session, own_server)?;
        self.inner().session.send_replace(Some(session.clone()));
        self.spawn(self.clone().refresh_profile(session, own_server));
        Ok(())
    }

    async fn follow_connection(self, session: Session) {
        let connection = self.inner().connection.clone();
        session
            .follow_sync(|state| {
                let (state, sentence) = match state {
                    SyncState::Online => (ConnectionState::Online, "Connected"),
                    SyncState::Connecting => (ConnectionState::Connecting, "Connecting"),
                    SyncState::Offline => (ConnectionState::Offline, "Offline: messages will be sent later"),
                    SyncState::SignedOut => (ConnectionState::Offline, "This device was signed out"),
                };
                connection.send_if_modified(|current| {
                    let next = Connection { state, sentence: sentence.to_owned(), ..current.clone() };
                    let changed = *current != next;
                    *current = next;
                    changed
                });
            })
            .await;
    }
}
