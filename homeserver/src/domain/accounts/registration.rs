//! Making one's own account: who may, what they prove, and the account itself.

use ruma::api::client::uiaa::{AuthData, AuthType};
use subtle::ConstantTimeEq;

use crate::{
    config::Registration,
    store::{Durability, NewAccount, Purpose, Tx, UserSn},
};

use super::{
    AccountError, Accounts, NewSession, Session, ThreepidError,
    secrets::random_name,
    threepids::EMAIL,
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
        let flows = self.registration_flows()?;
        let name = wish.username.unwrap_or_else(|| random_name(&mut rand::rng(), 12).to_lowercase());
        let user_id = self.available(&name).await?;
        let operation = Operation { name: "register".to_owned(), flows, user: None, mail: Some(Purpose::Register) };
        // Said before the proof is used up; who proves nothing yet only asks what is needed.
        if auth.is_some() && wish.password.is_none() {
            return Err(AccountError::NoPassword);
        }
        let proof = self.prove(operation, auth).await?;
        let password = wish.password.ok_or(AccountError::NoPassword)?;
        let new = NewAccount { password_hash: Some(self.passwords.hash(&password).await?), ..NewAccount::default() };
        let user = self.enter(user_id.clone(), new, proof).await?;
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
        let flows = self.registration_flows()?;
        let found = self.store.read().await?.access_token(guest_token).await?;
        let guest = found.filter(|found| found.guest && !found.locked).ok_or(AccountError::WrongToken)?;
        let name = wish.username.ok_or(AccountError::InvalidName)?;
        if self.new_user_id(&name)? != guest.user_id {
            return Err(AccountError::InvalidName);
        }
        let name = format!("upgrade {}", guest.user_id);
        let operation = Operation { name, flows, user: None, mail: Some(Purpose::Register) };
        if auth.is_some() && wish.password.is_none() {
            return Err(AccountError::NoPassword);
        }
        let proof = self.prove(operation, auth).await?;
        let password = wish.password.ok_or(AccountError::NoPassword)?;
        let hash = self.passwords.hash(&password).await?;
        let (user, proof) = (guest.user, self.to_use(proof));
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    use_up(tx, user, proof).await?;
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

    /// What people prove who make an account here: an e-mail address too, if they like and this server sends mail.
    fn registration_flows(&self) -> Result<Vec<Vec<AuthType>>, AccountError> {
        let mut flow = match self.config.registration {
            Registration::Closed => return Err(AccountError::RegistrationClosed),
            Registration::Token => vec![AuthType::RegistrationToken],
            Registration::Open => vec![AuthType::Dummy],
        };
        if !self.config.terms.is_empty() {
            flow.push(AuthType::Terms);
        }
        if !self.sends_mail() {
            return Ok(vec![flow]);
        }
        let mut with_mail: Vec<AuthType> = flow.iter().filter(|stage| **stage != AuthType::Dummy).cloned().collect();
        with_mail.push(AuthType::EmailIdentity);
        // One flow must not be a part of the other: it would be over before the address is proved.
        if !flow.contains(&AuthType::Dummy) {
            flow.push(AuthType::Dummy);
        }
        Ok(vec![flow, with_mail])
    }

    /// Makes an account for a guest, if the server takes any.
    pub async fn register_guest(&self, session: NewSession) -> Result<Registered, AccountError> {
        if !self.config.guest_access {
            return Err(AccountError::NoGuests);
        }
        let user_id = self.available(&format!("guest-{}", random_name(&mut rand::rng(), 12).to_lowercase())).await?;
        let user =
            self.enter(user_id.clone(), NewAccount { guest: true, ..NewAccount::default() }, Proof::default()).await?;
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
    pub(super) fn to_use(&self, proof: Proof) -> Proof {
        Proof { invite: proof.invite.filter(|token| !self.is_settings_token(token)), ..proof }
    }

    fn is_settings_token(&self, token: &str) -> bool {
        self.config
            .registration_token
            .as_ref()
            .is_some_and(|right| bool::from(right.as_bytes().ct_eq(token.as_bytes())))
    }
}

/// Uses up the invite token and the address that a new account came with.
pub(super) async fn use_up(tx: &mut Tx, user: UserSn, proof: Proof) -> Result<(), AccountError> {
    if let Some(invite) = proof.invite
        && !tx.use_registration_token(&invite).await?
    {
        return Err(AccountError::InviteUsedUp);
    }
    if let Some(shown) = proof.address {
        if !tx.take_threepid_session(&shown.session_id).await? {
            return Err(ThreepidError::NotValidated.into());
        }
        if !tx.put_threepid(user, EMAIL, &shown.address, shown.validated_ts).await? {
            return Err(ThreepidError::InUse.into());
        }
    }
    Ok(())
}
