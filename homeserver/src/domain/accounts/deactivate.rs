//! Closing an account for good, and locking it.

use crate::store::{Durability, UserSn};

use super::{AccountError, Accounts};

impl Accounts {
    /// Closes the account: no password, no devices, no profile. Its name is never given out again.
    ///
    /// With `erase`, who comes into a room later sees nothing of what the user said.
    pub async fn deactivate(&self, user: UserSn, erase: bool) -> Result<(), AccountError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    for device in tx.devices(user).await? {
                        tx.delete_device(user, &device.device_id).await?;
                    }
                    tx.delete_profile(user).await?;
                    tx.delete_account_data(user).await?;
                    tx.delete_belongings(user).await?;
                    if erase {
                        tx.erase_account(user).await?;
                    }
                    tx.deactivate_account(user).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Locks or unlocks the account: a locked one keeps its devices, but can do nothing but sign out.
    pub async fn set_locked(&self, user: UserSn, locked: bool) -> Result<(), AccountError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    tx.set_locked(user, locked).await?;
                    tx.wake_user(user);
                    Ok(())
                })
            })
            .await
    }

    /// Suspends the account or lifts that: a suspended one reads, and can only leave rooms and sign out.
    pub async fn set_suspended(&self, user: UserSn, suspended: bool) -> Result<(), AccountError> {
        self.store
            .write(Durability::Full, move |tx| Box::pin(async move { Ok(tx.set_suspended(user, suspended).await?) }))
            .await
    }

    /// Makes the account an administrator, or not.
    pub async fn set_admin(&self, user: UserSn, admin: bool) -> Result<(), AccountError> {
        self.store
            .write(Durability::Full, move |tx| Box::pin(async move { Ok(tx.set_admin(user, admin).await?) }))
            .await
    }
}
