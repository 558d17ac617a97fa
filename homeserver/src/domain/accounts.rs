//! People of this server: accounts, how they sign in, their devices and tokens.

use std::sync::Arc;

use ruma::{OwnedServerName, OwnedUserId, UserId, push::Ruleset};

use crate::{
    clock::Clock,
    config::Config,
    net::smtp::Smtp,
    store::{AccountRow, Durability, NewAccount, Store, UserSn},
};

mod appservice_users;
mod deactivate;
mod error;
mod invites;
mod passwords;
mod profiles;
mod push_rules;
mod rate_limits;
mod registration;
pub mod rendezvous;
mod secrets;
mod sessions;
mod shared_secret;
mod threepids;
pub mod uia;
mod validation;

pub use self::{
    error::AccountError,
    profiles::ProfileError,
    rate_limits::{Limit, RateLimits},
    registration::{Registered, Registering},
    secrets::random_token,
    sessions::{NewSession, Session},
    shared_secret::{SharedSecretError, SharedSecretRequest},
    threepids::{ThreepidError, Validated, canonical_email},
    validation::{CONFIRM_PATH, MailRequest},
};

use self::{
    passwords::Passwords,
    rendezvous::Rendezvous,
    shared_secret::Nonces,
    uia::{Proof, UiaSessions},
};

/// The longest user id, in bytes.
const LONGEST_NAME: usize = 255;

/// The accounts of this server. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    clock: Clock,
    config: Arc<Config>,
    server_name: OwnedServerName,
    passwords: Passwords,
    limits: RateLimits,
    requests: RateLimits,
    nonces: Nonces,
    uia: UiaSessions,
    seen: sessions::Seen,
    rendezvous: Rendezvous,
    mail: Option<Smtp>,
}

impl Accounts {
    /// Without `mail`, addresses are not proved here.
    pub fn new(
        store: Store,
        clock: Clock,
        config: Arc<Config>,
        server_name: OwnedServerName,
        mail: Option<Smtp>,
    ) -> Self {
        let limits = RateLimits::new(config.rate_limits, clock.clone());
        let requests = RateLimits::new(config.rate_limits, clock.clone());
        let rendezvous = Rendezvous::new(clock.clone());
        Self {
            store,
            clock,
            config,
            server_name,
            passwords: Passwords::default(),
            limits,
            requests,
            nonces: Nonces::default(),
            uia: UiaSessions::default(),
            seen: sessions::Seen::default(),
            rendezvous,
            mail,
        }
    }

    /// Makes an account; the name is a localpart or a whole user id of this server.
    pub async fn add(
        &self,
        name: &str,
        password: Option<&str>,
        admin: bool,
    ) -> Result<(UserSn, OwnedUserId), AccountError> {
        let user_id = self.new_user_id(name)?;
        let password_hash = match password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let new = NewAccount { password_hash, admin, guest: false };
        let user = self.enter(user_id.clone(), new, Proof::default()).await?;
        Ok((user, user_id))
    }

    /// All accounts, oldest first.
    pub async fn list(&self) -> Result<Vec<AccountRow>, AccountError> {
        Ok(self.store.read().await?.accounts().await?)
    }

    /// The account of a localpart or a whole user id.
    pub async fn find(&self, name: &str) -> Result<Option<AccountRow>, AccountError> {
        let Ok(user_id) = UserId::parse_with_server_name(name, &self.server_name) else { return Ok(None) };
        if user_id.server_name() != self.server_name {
            return Ok(None);
        }
        let mut db = self.store.read().await?;
        if let Some(account) = db.account(&user_id).await? {
            return Ok(Some(account));
        }
        // Names are lower case; people type them as they like.
        match UserId::parse_with_server_name(user_id.localpart().to_lowercase(), &self.server_name) {
            Ok(lower) => Ok(db.account(&lower).await?),
            Err(_) => Ok(None),
        }
    }

    /// The account, when this is its password. Wrong names take as long as wrong passwords.
    pub async fn check_password(&self, name: &str, password: &str) -> Result<AccountRow, AccountError> {
        let account = self.find(name).await?;
        let known = account.as_ref().map_or(name, |account| account.user_id.as_str());
        // Of a name that cannot exist, enough to count by.
        let key = format!("password {}", known.get(..known.floor_char_boundary(LONGEST_NAME)).unwrap_or_default());
        self.limits.check(&key, rate_limits::WRONG_PASSWORDS)?;
        let hash = account.as_ref().and_then(|account| account.password_hash.clone());
        if !self.passwords.verify(password, hash).await? {
            self.limits.take(&key, rate_limits::WRONG_PASSWORDS)?;
            return match account {
                Some(account) if account.deactivated_ts.is_some() => Err(AccountError::Deactivated),
                _ => Err(AccountError::WrongPassword),
            };
        }
        account.ok_or(AccountError::WrongPassword)
    }

    /// Gives the account another password.
    pub async fn set_password(&self, user: UserSn, password: &str) -> Result<(), AccountError> {
        let hash = self.passwords.hash(password).await?;
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    tx.set_password_hash(user, Some(&hash)).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Where devices meet that are not signed in yet.
    pub fn rendezvous(&self) -> &Rendezvous {
        &self.rendezvous
    }

    /// Slows clients down.
    pub fn limits(&self) -> &RateLimits {
        &self.limits
    }

    /// Counts a request of a user or an address to an endpoint that the specification wants limited.
    pub fn count_request(&self, who: &str) -> Result<(), AccountError> {
        self.requests.take(who, Limit::REQUESTS)
    }

    /// A user id that may be given out, from what a person typed.
    fn new_user_id(&self, name: &str) -> Result<OwnedUserId, AccountError> {
        let localpart = match name.strip_prefix('@') {
            Some(rest) => rest
                .strip_suffix(self.server_name.as_str())
                .and_then(|rest| rest.strip_suffix(':'))
                .ok_or(AccountError::InvalidName)?,
            None => name,
        };
        let localpart = localpart.to_lowercase();
        if localpart.is_empty() || localpart.contains(':') {
            return Err(AccountError::InvalidName);
        }
        let user_id =
            UserId::parse_with_server_name(localpart, &self.server_name).map_err(|_| AccountError::InvalidName)?;
        user_id.validate_strict().map_err(|_| AccountError::InvalidName)?;
        Ok(user_id)
    }

    /// Writes a new account, using up what was proved for it.
    async fn enter(&self, user_id: OwnedUserId, new: NewAccount, proof: Proof) -> Result<UserSn, AccountError> {
        let proof = self.to_use(proof);
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let user = tx.add_account(&user_id, &new).await?.ok_or(AccountError::NameTaken)?;
                    registration::use_up(tx, user, proof).await?;
                    // Clients read their push rules from sync and never ask for them.
                    tx.set_push_rules(user, &Ruleset::server_default(&user_id)).await?;
                    Ok(user)
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests;
