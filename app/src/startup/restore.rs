//! Restoring from a recovery kit: the same name and keys, without history.

use crypto::recovery_kit::{RecoveryKit, SealedKit};
use zeroize::Zeroizing;

use crate::{
    api::{
        error::{AppError, ErrorCode},
        request::{RecoveryKit as KitView, RestoreBackup},
        status::{CreateStep, Status},
    },
    app::App,
    secrets::OwnDomain,
    startup::{blocking, create::NewAccount, failed},
};

const MAX_KIT: u64 = 64 * 1024;

impl App {
    /// Checks the kit at once; the rest goes on in the background, as a first run does.
    pub(crate) async fn restore_backup(&self, request: RestoreBackup) -> Result<(), AppError> {
        self.only_at_first_run()?;
        let kit = self.open_kit(&request).await?;
        let is_key = crypto::name::key_of(&kit.server_name).is_some();
        let domain = (!is_key).then(|| OwnDomain {
            server_name: kit.server_name.to_string(),
            federation_listen: None,
            certificate: None,
            private_key: None,
        });
        let typed = request.display_name.trim();
        let new = NewAccount {
            name: if typed.is_empty() { kit.user_id.localpart().to_owned() } else { typed.to_owned() },
            localpart: kit.user_id.localpart().to_owned(),
            avatar: None,
            domain,
            identity: Some(kit.identity),
            server_name: Some(kit.server_name.to_string()),
            passphrase: request.passphrase.map(Zeroizing::new),
        };
        let app = self.clone();
        self.spawn(async move {
            let _phase = app.inner().phase.lock().await;
            app.set_status(Status::Creating { step: CreateStep::DataFolder });
            if let Err(error) = app.create(new).await {
                app.set_status(failed(error));
            }
        });
        Ok(())
    }

    /// Opens the kit's file with its key; what is wrong with it is said.
    pub(crate) async fn open_kit(&self, request: &RestoreBackup) -> Result<RecoveryKit, AppError> {
        let taken = self.data()?.uploads.take(&request.upload)?;
        if tokio::fs::metadata(taken.path()).await?.len() > MAX_KIT {
            return Err(AppError::new(ErrorCode::TooLarge, "That file is no recovery kit."));
        }
        let text = Zeroizing::new(
            tokio::fs::read_to_string(taken.path())
                .await
                .map_err(|_| AppError::new(ErrorCode::BadArguments, "That file is no recovery kit."))?,
        );
        let typed = Zeroizing::new(request.recovery_key.trim().to_owned());
        blocking(move || {
            let kit = SealedKit::from_text(&text)?;
            kit.open(Some(typed.as_str()).filter(|key| !key.is_empty()))
        })
        .await?
        .map_err(|error| AppError::new(ErrorCode::BadArguments, format!("{error}.")))
    }

    /// The kit of this account, to save or print.
    pub(crate) async fn recovery_kit(&self) -> Result<KitView, AppError> {
        let session = self.session()?;
        let secrets = self.secrets()?;
        let recovery_key = secrets
            .recovery_key()
            .ok_or_else(|| AppError::new(ErrorCode::NotFound, "This account has no recovery key on this device."))?;
        let (user_id, server_name) = (session.user_id().to_owned(), session.user_id().server_name().to_owned());
        let file_name = format!("hearth-recovery-kit-{}.txt", session.user_id().localpart().replace(['/', '\\'], "-"));
        let own = self.is_own_server();
        let kit_key = recovery_key.clone();
        let text = blocking(move || {
            if !own {
                return Ok(Zeroizing::new(format!("Account: {user_id}\nRecovery key: {}\n", kit_key.as_str())));
            }
            let identity = secrets.identity(false)?;
            let kit = RecoveryKit { user_id, server_name, recovery_key: kit_key, identity };
            kit.to_text()
                .map_err(|error| AppError::new(ErrorCode::Failed, "The kit could not be made.").with_detail(error))
        })
        .await??;
        Ok(KitView { recovery_key: recovery_key.to_string(), file_name, text: text.to_string() })
    }
}
