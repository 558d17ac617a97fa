//! Accounts and devices that application services make: without a password and without a proof, for the service answers for them.

use ruma::{OwnedDeviceId, OwnedUserId};

use crate::store::{AccountRow, Durability, NewAccount, UserSn};

use super::{AccountError, Accounts, NewSession, Registered, sessions::LONGEST_DEVICE_ID, uia::Proof};

impl Accounts {
    /// The user id that a service means by a localpart (or a whole user id). Names are lower case: another spelling is refused, not mended,
    /// since the service would know its user by that.
    pub fn appservice_user_id(&self, name: &str) -> Result<OwnedUserId, AccountError> {
        let user_id = self.new_user_id(name)?;
        if name == user_id.localpart() || name == user_id { Ok(user_id) } else { Err(AccountError::InvalidName) }
    }

    /// Makes an account for a service's user, signed in if that is asked for.
    pub async fn register_for_service(
        &self,
        user_id: OwnedUserId,
        session: Option<NewSession>,
    ) -> Result<Registered, AccountError> {
        let user = self.enter(user_id.clone(), NewAccount::default(), Proof::default()).await?;
        let session = match session {
            Some(new) => Some(self.sign_in(user, user_id.clone(), new).await?),
            None => None,
        };
        Ok(Registered { user_id, session })
    }

    /// The account of a service's user who exists.
    pub async fn service_account(&self, user_id: &OwnedUserId) -> Result<AccountRow, AccountError> {
        self.store.read().await?.account(user_id).await?.ok_or(AccountError::WrongPassword)
    }

    /// Makes a device that has no token.
    pub async fn make_device(
        &self,
        user: UserSn,
        device_id: OwnedDeviceId,
        display_name: Option<String>,
    ) -> Result<(), AccountError> {
        if device_id.as_str().is_empty() || device_id.as_str().len() > LONGEST_DEVICE_ID {
            return Err(AccountError::UnusableDevice);
        }
        let display_name = display_name.map(super::sessions::shorten_name);
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    if tx.is_cross_signing_key(user, &device_id).await? {
                        return Err(AccountError::UnusableDevice);
                    }
                    tx.add_device(user, &device_id, display_name.as_deref()).await?;
                    Ok(())
                })
            })
            .await
    }
}
