//! First run: a name becomes a server, an account and its keys.

use std::sync::Arc;

use client::{ClientError, Homeserver, Registration, Session, SignIn};
use crypto::ServerIdentity;
use zeroize::Zeroizing;

use crate::{
    api::{
        error::{AppError, ErrorCode},
        request::{CreateAccount, DomainChoice, SignIn as SignInRequest},
        status::{CreateStep, Status},
    },
    app::App,
    data_folder,
    secrets::{Account, Home, OwnDomain, Secrets},
    server::{RunningServer, ServerChoice},
    settings::Kept,
    startup::{blocking, failed},
};

/// What an account is made of.
pub(super) struct NewAccount {
    pub(super) name: String,
    pub(super) localpart: String,
    /// An upload.
    pub(super) avatar: Option<String>,
    pub(super) domain: Option<OwnDomain>,
    /// A key from a recovery kit; else a new one is made.
    pub(super) identity: Option<ServerIdentity>,
    /// The name that the server must have then.
    pub(super) server_name: Option<String>,
    pub(super) passphrase: Option<Zeroizing<String>>,
}

const MAX_NAME: usize = 100;
const DEVICE_NAME: &str = "Hearth";

impl App {
    /// Checks what can be checked at once; the rest goes on in the background and is told by the status.
    pub(crate) fn create_account(&self, request: CreateAccount) -> Result<(), AppError> {
        let name = request.display_name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(AppError::new(ErrorCode::BadArguments, "A name has 1 to 100 letters."));
        }
        self.only_at_first_run()?;
        self.spawn(self.clone().creating(request));
        Ok(())
    }

    pub(crate) fn sign_in(&self, request: SignInRequest) -> Result<(), AppError> {
        if request.homeserver.trim().is_empty() || request.username.trim().is_empty() {
            return Err(AppError::new(ErrorCode::BadArguments, "Server and name are needed."));
        }
        self.only_at_first_run()?;
        self.spawn(self.clone().signing_in(request));
        Ok(())
    }

    pub(crate) fn only_at_first_run(&self) -> Result<(), AppError> {
        match &*self.inner().status.borrow() {
            Status::FirstRun { .. } | Status::Failed { .. } if self.inner().session.borrow().is_none() => Ok(()),
            _ => Err(AppError::new(ErrorCode::NotReady, "This folder has an account already.")),
        }
    }

    async fn creating(self, request: CreateAccount) {
        let _phase = self.inner().phase.lock().await;
        self.set_status(Status::Creating { step: CreateStep::DataFolder });
        let name = request.display_name.trim().to_owned();
        let new = NewAccount {
            localpart: localpart(&name),
            name,
            avatar: request.avatar,
            domain: request.domain.map(OwnDomain::from),
            identity: None,
            server_name: None,
            passphrase: request.passphrase.map(Zeroizing::new),
        };
        if let Err(error) = self.create(new).await {
            self.set_status(failed(error));
        }
    }

    pub(super) async fn create(&self, new: NewAccount) -> Result<(), AppError> {
        let secrets = self.fresh_secrets(new.passphrase).await?;
        self.end_server().await;
        self.set_status(Status::Creating { step: CreateStep::ServerIdentity });
        if let Some(identity) = new.identity {
            secrets.set_identity(&identity)?;
        }
        let (home, server) = match &self.inner().options.server {
            ServerChoice::Own => {
                self.set_status(Status::Creating { step: CreateStep::Server });
                let server = self.start_own(&secrets, new.domain.as_ref(), true).await?;
                (Home::Own { domain: new.domain }, server)
            }
            ServerChoice::At { address, registration_token } => {
                let server = RunningServer::elsewhere(address, registration_token.as_deref());
                (Home::Elsewhere { address: address.clone() }, server)
            }
        };
        if let (Some(expected), Some(name)) = (&new.server_name, server.server_name())
            && expected != name
        {
            return Err(AppError::new(ErrorCode::BadArguments, "That kit's key is not the key of its name."));
        }
        let own_server = matches!(home, Home::Own { .. });
        let token = server.registration_token.clone();
        let reach = self.keep_server(server).await;

        self.set_status(Status::Creating { step: CreateStep::Account });
        let registration = Registration {
            localpart: new.localpart,
            password: secrets.password()?,
            device_name: DEVICE_NAME.to_owned(),
            token,
        };
        let session = self.register_or_sign_in(&reach, &secrets, &registration, own_server).await?;
        secrets.set_account(&Account { session: session.saved()?, home })?;
        self.data()?.settings.change(|kept| {
            let settings = kept.settings.clone();
            *kept = Kept { name: Some(new.name.clone()), settings, ..Kept::default() };
        })?;
        session.set_display_name(&new.name).await?;
        if let Some(token) = &new.avatar
            && let Err(error) = self.set_avatar_of(&session, token).await
        {
            tracing::warn!(detail = error.detail, "the picture could not be set: {}", error.sentence);
        }
        self.go_ready(session, &secrets, own_server).await
    }

    /// Registers; where a creation cut short has left the account on our own server, its password is ours and opens it.
    async fn register_or_sign_in(
        &self,
        reach: &Homeserver,
        secrets: &Secrets,
        registration: &Registration,
        own_server: bool,
    ) -> Result<Session, AppError> {
        let store = self.store(secrets)?;
        match Session::register(reach, &store, registration).await {
            Err(ClientError::NameTaken) if own_server => {
                let sign_in = SignIn {
                    username: registration.localpart.clone(),
                    password: registration.password.clone(),
                    device_name: DEVICE_NAME.to_owned(),
                };
                Ok(Session::sign_in(reach, &store, &sign_in).await?)
            }
            other => Ok(other?),
        }
    }

    async fn signing_in(self, request: SignInRequest) {
        let _phase = self.inner().phase.lock().await;
        self.set_status(Status::Creating { step: CreateStep::DataFolder });
        if let Err(error) = self.sign_in_now(request).await {
            self.set_status(failed(error));
        }
    }

    async fn sign_in_now(&self, request: SignInRequest) -> Result<(), AppError> {
        let secrets = self.fresh_secrets(request.passphrase.map(Zeroizing::new)).await?;
        self.set_status(Status::Creating { step: CreateStep::Account });
        let address = request.homeserver.trim().to_owned();
        let sign_in = SignIn {
            username: request.username.trim().to_owned(),
            password: Zeroizing::new(request.password),
            device_name: DEVICE_NAME.to_owned(),
        };
        self.end_server().await;
        let server = RunningServer::elsewhere(&address, None);
        let session = match Session::sign_in(&server.reach, &self.store(&secrets)?, &sign_in).await {
            Err(ClientError::Forbidden(_)) => return Err(ClientError::WrongPassword.into()),
            other => other?,
        };
        self.set_status(Status::Creating { step: CreateStep::CrossSigning });
        if let Some(key) = request.recovery_key.map(Zeroizing::new).filter(|key| !key.trim().is_empty()) {
            session.recover(&key).await?;
            secrets.set_recovery_key(key.trim())?;
        } else if let Err(error) = session.bootstrap_cross_signing(Some(&sign_in.password)).await {
            tracing::warn!(error = %error, "this account's cross-signing keys could not be made");
        }
        secrets.set_account(&Account { session: session.saved()?, home: Home::Elsewhere { address } })?;
        // The kit of an account from elsewhere is not ours to press for.
        self.data()?.settings.change(|kept| kept.recovery_kit_seen = true)?;
        self.go_ready(session, &secrets, false).await
    }

    /// The vault for a new account, and a clean place for its databases: what a creation cut short has left is put aside.
    pub(super) async fn fresh_secrets(&self, passphrase: Option<Zeroizing<String>>) -> Result<Arc<Secrets>, AppError> {
        let folder = self.data()?.folder.path().to_owned();
        let client = self.data()?.folder.client();
        let place = self.inner().options.secrets;
        let secrets = blocking(move || {
            let passphrase = passphrase.as_deref().map(String::as_str);
            let secrets = Secrets::open_or_create(&folder, place, passphrase)?;
            if secrets.account()?.is_some() {
                return Err(AppError::new(ErrorCode::NotReady, "This folder has an account already."));
            }
            if client.exists() {
                std::fs::rename(
                    &client,
                    client.with_extension(format!("unfinished-{}", crate::invite_link::random_name())),
                )?;
            }
            data_folder::private_folder(&client)?;
            Ok(secrets)
        })
        .await??;
        let secrets = Arc::new(secrets);
        self.keep_secrets(secrets.clone());
        Ok(secrets)
    }

    pub(crate) async fn set_avatar_of(&self, session: &Session, token: &str) -> Result<(), AppError> {
        let taken = self.data()?.uploads.take(token)?;
        Ok(session.set_avatar(Some(taken.path())).await?)
    }
}

impl From<DomainChoice> for OwnDomain {
    fn from(choice: DomainChoice) -> Self {
        let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Self {
            server_name: choice.server_name.trim().to_owned(),
            federation_listen: given(choice.federation_listen),
            certificate: given(choice.certificate).map(Into::into),
            private_key: given(choice.private_key).map(Into::into),
        }
    }
}

/// The part of the address before the colon: the name in the letters that Matrix allows there.
pub(super) fn localpart(name: &str) -> String {
    let mut out = String::new();
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => out.push(letter),
            _ if !out.is_empty() && !out.ends_with('.') => out.push('.'),
            _ => {}
        }
    }
    let out: String = out.trim_end_matches('.').chars().take(32).collect();
    if out.is_empty() { "me".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::localpart;

    #[test]
    fn names_become_addresses() {
        for (name, expected) in [
            ("Ann", "ann"),
            ("Ann  Lee-Smith", "ann.lee.smith"),
            ("Žofie", "ofie"),
            ("日本", "me"),
            ("7", "7"),
            ("!a!", "a"),
        ] {
            assert_eq!(localpart(name), expected, "{name}");
        }
        assert!(localpart(&"x".repeat(300)).len() <= 32);
    }
}
