//! From the first instruction to a ready session: what the data folder holds decides the way.

mod create;
mod keys;
mod open;
mod profile;
mod restore;

use std::{sync::Arc, time::Duration};

use crypto::{passphrase::PassphraseError, vault::VaultError};

use crate::{
    api::{
        error::{AppError, ErrorCode},
        status::Status,
    },
    app::{App, Data},
    data_folder::DataFolder,
    secrets::{self, Found, Secrets, SecretsIn},
    settings::SettingsFile,
    uploads::Uploads,
};

/// A keyring that answers later than this is said to be waited for.
const KEYRING_PATIENCE: Duration = Duration::from_millis(1200);

impl App {
    /// Looks at the data folder and goes on from there; also what "Try again" does.
    pub(crate) async fn begin(self) {
        let _phase = self.inner().phase.lock().await;
        if self.inner().session.borrow().is_some() {
            return;
        }
        self.set_status(Status::Opening);
        let status = match self.look().await {
            Ok(None) => return,
            Ok(Some(status)) => status,
            Err(error) => failed(error),
        };
        self.set_status(status);
    }

    /// Opens what is there; `Some` when the person has to do something first.
    async fn look(&self) -> Result<Option<Status>, AppError> {
        self.open_folder().await?;
        let folder = self.data()?.folder.path().to_owned();
        match blocking(move || secrets::find(&folder)).await?? {
            Found::Nothing => Ok(Some(self.first_run().await?)),
            Found::Vault => self.unlock_and_open(None).await,
        }
    }

    async fn open_folder(&self) -> Result<(), AppError> {
        if self.inner().data.get().is_some() {
            return Ok(());
        }
        let path = self.inner().options.folder.clone();
        let data = blocking(move || {
            let folder = DataFolder::open(&path)?;
            let settings = SettingsFile::open(folder.settings())?;
            let uploads = Uploads::new(folder.uploads());
            Ok::<_, AppError>(Data { folder, settings, uploads })
        })
        .await??;
        // The phase lock keeps a second opening out.
        let _ = self.inner().data.set(data);
        self.use_chosen_sound()?;
        self.use_chosen_camera()
    }

    async fn first_run(&self) -> Result<Status, AppError> {
        let keyring = match self.inner().options.secrets {
            SecretsIn::KeyFile => true,
            SecretsIn::Keyring => blocking(secrets::keyring_works).await?,
        };
        Ok(Status::FirstRun { keyring })
    }

    /// The person typed the passphrase.
    pub(crate) async fn unlock(self, passphrase: String) {
        let _phase = self.inner().phase.lock().await;
        if !matches!(*self.inner().status.borrow(), Status::PassphraseNeeded { .. }) {
            return;
        }
        self.set_status(Status::Opening);
        match self.unlock_and_open(Some(passphrase)).await {
            Ok(Some(status)) => self.set_status(status),
            Ok(None) => {}
            Err(error) => self.set_status(failed(error)),
        }
    }

    async fn unlock_and_open(&self, passphrase: Option<String>) -> Result<Option<Status>, AppError> {
        let folder = self.data()?.folder.path().to_owned();
        let open = || {
            let (folder, passphrase) = (folder.clone(), passphrase.clone());
            tokio::task::spawn_blocking(move || Secrets::open(&folder, passphrase.as_deref()))
        };
        let mut opening = open();
        let opened = match tokio::time::timeout(KEYRING_PATIENCE, &mut opening).await {
            Ok(opened) => opened,
            Err(_) => {
                self.set_status(Status::WaitingForKeyring);
                tokio::select! {
                    opened = opening => opened,
                    // The question that the first attempt waits for may be gone with the keyring that asked it.
                    () = secrets::until_unlocked() => open().await,
                }
            }
        };
        match opened.map_err(|error| failure(&error))? {
            Ok(secrets) => {
                let secrets = Arc::new(secrets);
                self.keep_secrets(secrets.clone());
                match secrets.account()? {
                    Some(account) => {
                        self.set_status(Status::Opening);
                        self.open(secrets, account).await?;
                        Ok(None)
                    }
                    None => Ok(Some(self.first_run().await?)),
                }
            }
            Err(VaultError::PassphraseNeeded) => Ok(Some(Status::PassphraseNeeded { wrong: false })),
            Err(VaultError::Passphrase(PassphraseError::Wrong | PassphraseError::Length)) => {
                Ok(Some(Status::PassphraseNeeded { wrong: true }))
            }
            Err(error) => {
                let error = AppError::from(error);
                if error.code == ErrorCode::KeyringLocked {
                    tracing::warn!(detail = error.detail, "the vault stays locked");
                    return Ok(Some(Status::KeyringLocked { sentence: error.sentence }));
                }
                Err(error)
            }
        }
    }

    pub(crate) fn keep_secrets(&self, secrets: Arc<Secrets>) {
        if let Ok(mut kept) = self.inner().secrets.lock() {
            *kept = Some(secrets);
        }
    }
}

/// Runs what blocks (files, keyring, key derivation) off the runtime's threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| failure(&error))
}

fn failure(error: &tokio::task::JoinError) -> AppError {
    AppError::new(ErrorCode::Failed, "That did not work.").with_detail(error)
}

pub(crate) fn failed(error: AppError) -> Status {
    let retry = !matches!(error.code, ErrorCode::NewerSchema);
    tracing::error!(code = ?error.code, detail = error.detail, "{}", error.sentence);
    Status::Failed { error, retry }
}
