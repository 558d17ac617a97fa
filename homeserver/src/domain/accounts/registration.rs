//! Making one's own account: who may, what they prove, and the account itself.

use ruma::api::client::uiaa::{AuthData, AuthType};
use subtle::ConstantTimeEq;

use crate::{
    config::Registration,
    store::{Durability, NewAccount},
};

use super::{
    AccountError, Accounts, NewSession, Session,
    secrets::random_name,
    uia::{Operation, Proof},
};

/// A wish for an account. Has no `Debug`: it holds a password.
pub struct Registering {
    pub username: Option<String>,
    pub password: Option<String>,
    /// `None`: only make the account.
    pub session: Option<NewSession>,
}

/// A new account, signed in if that was asked for. Has no `Debug`: it holds secrets.
pub struct Registered {
    pub user_id: ruma::OwnedUserId,
    pub session: Option<Session>,
}

impl Accounts {
    /// Makes an account for whoever asks, as the settings allow.
    pub async fn register(&self, wish: Registering, auth: Option<&AuthData>) -> Result<Registered, AccountError> {
        let flow = self.registration_flow()?;
        let name = wish.username.unwrap_or_else(|| random_name(&mut rand::rng(), 12).to_lowercase());
        let user_id = self.available(&name).await?;
        let operation = Operation { name: "register".to_owned(), flows: vec![flow], user: None };
        let proof = self.prove(operation, auth).await?;
        let password = wish.password.ok_or(AccountError::UnusablePassword)?;
        let new = NewAccount { password_hash: Some(self.passwords.hash(&password).await?), ..NewAccount::default() };
        let user = self.enter(user_id.clone(), new, self.invite_to_use(&proof)).await?;
        let session = match wish.session {
            Some(new) => Some(self.sign_in(user, user_id.clone(), new).await?),
            None => None,
        };
        Ok(Registered { user_id, session })
    }

    /// Makes a guest's account an ordinary one, as registration makes any; their devices stay signed in.
    pub async fn upgrade_guest(
        &self,
        guest_token: &str,
        wish: Registering,
        auth: Option<&AuthData>,
    ) -> Result<Registered, AccountError> {
        let flow = self.registration_flow()?;
        let found = self.store.read().await?.access_token(guest_token).await?;
        let guest = found.filter(|found| found.guest && !found.locked).ok_or(AccountError::WrongToken)?;
        let name = wish.username.ok_or(AccountError::InvalidName)?;
        if self.new_user_id(&name)? != guest.user_id {
            return Err(AccountError::InvalidName);
        }
        let operation = Operation { name: format!("upgrade {}", guest.user_id), flows: vec![flow], user: None };
        let proof = self.prove(operation, auth).await?;
        let password = wish.password.ok_or(AccountError::UnusablePassword)?;
        let hash = self.passwords.hash(&password).await?;
        let (user, invite) = (guest.user, self.invite_to_use(&proof));
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    if let Some(invite) = invite
                        && !tx.use_registration_token(&invite).await?
                    {
                        return Err(AccountError::InviteUsedUp);
                    }
                    if tx.upgrade_guest(user, &hash).await? { Ok(()) } else { Err(AccountError::WrongToken) }
                })
            })
            .await?;
        let session = match wish.session {
            Some(new) => Some(self.sign_in(guest.user, guest.user_id.clone(), new).await?),
            None => None,
        };
        Ok(Registered { user_id: guest.user_id, session })
    }

    /// What people prove who make an account here.
    fn registration_flow(&self) -> Result<Vec<AuthType>, AccountError> {
        let mut flow = match self.config.registration {
            Registration::Closed => return Err(AccountError::RegistrationClosed),
            Registration::Token => vec![AuthType::RegistrationToken],
            Registration::Open => vec![AuthType::Dummy],
        };
        if !self.config.terms.is_empty() {
            flow.push(AuthType::Terms);
        }
        Ok(flow)
    }

    /// Makes an account for a guest, if the server takes any.
    pub async fn register_guest(&self, session: NewSession) -> Result<Registered, AccountError> {
        if !self.config.guest_access {
            return Err(AccountError::NoGuests);
        }
        let user_id = self.available(&format!("guest-{}", random_name(&mut rand::rng(), 12).to_lowercase())).await?;
        let user = self.enter(user_id.clone(), NewAccount { guest: true, ..NewAccount::default() }, None).await?;
        let session = self.sign_in(user, user_id.clone(), session).await?;
        Ok(Registered { user_id, session: Some(session) })
    }

    /// The user id of a name that could be given out now.
    pub async fn available(&self, name: &str) -> Result<ruma::OwnedUserId, AccountError> {
        let user_id = self.new_user_id(name)?;
        match self.store.read().await?.account(&user_id).await? {
            Some(_) => Err(AccountError::NameTaken),
            None => Ok(user_id),
        }
    }

    /// Whether people can make accounts themselves.
    pub fn registration_open(&self) -> bool {
        self.config.registration != Registration::Closed
    }

    /// Whether an account could be made with this invite token.
    pub async fn invite_valid(&self, token: &str) -> Result<bool, AccountError> {
        if self.is_settings_token(token) {
            return Ok(true);
        }
        Ok(self.store.read().await?.registration_token_valid(token, self.clock.now_ms()).await?)
    }

    /// The token of the settings is good for any number of accounts; others are counted.
    fn invite_to_use(&self, proof: &Proof) -> Option<String> {
        proof.invite.clone().filter(|token| !self.is_settings_token(token))
    }

    fn is_settings_token(&self, token: &str) -> bool {
        self.config
            .registration_token
            .as_ref()
            .is_some_and(|right| bool::from(right.as_bytes().ct_eq(token.as_bytes())))
    }
}
