//! Invite tokens, with which people make their own accounts.

use crate::store::{Durability, RegistrationToken};

use super::{AccountError, Accounts, secrets::random_token};

impl Accounts {
    /// All invite tokens.
    pub async fn invites(&self) -> Result<Vec<RegistrationToken>, AccountError> {
        Ok(self.store.read().await?.registration_tokens().await?)
    }

    /// Makes an invite token.
    pub async fn add_invite(
        &self,
        uses_allowed: Option<u32>,
        expires_ts: Option<i64>,
    ) -> Result<RegistrationToken, AccountError> {
        let token = random_token(&mut rand::rng());
        let new = RegistrationToken { token, uses_allowed: uses_allowed.map(i64::from), uses: 0, expires_ts };
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    tx.add_registration_token(&new).await?;
                    Ok(new)
                })
            })
            .await
    }

    /// Takes an invite token back; says whether there was one.
    pub async fn delete_invite(&self, token: String) -> Result<bool, AccountError> {
        self.store
            .write(Durability::Full, move |tx| Box::pin(async move { Ok(tx.delete_registration_token(&token).await?) }))
            .await
    }
}
