//! Push rules as their owner changes them; what they decide is decided elsewhere.

use ruma::push::Ruleset;

use crate::store::{Durability, StoreError, UserSn};

use super::Accounts;

impl Accounts {
    /// The user's push rules.
    pub async fn push_rules(&self, user: UserSn) -> Result<Ruleset, StoreError> {
        self.store.read().await?.push_rules(user).await
    }

    /// Reads the push rules, changes them and writes them back, in one transaction; syncs show them anew.
    pub async fn change_push_rules<E: From<StoreError> + Send + 'static>(
        &self,
        user: UserSn,
        change: impl FnOnce(&mut Ruleset) -> Result<(), E> + Send + 'static,
    ) -> Result<(), E> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let mut rules = tx.push_rules(user).await?;
                    change(&mut rules)?;
                    tx.set_push_rules(user, &rules).await?;
                    Ok(())
                })
            })
            .await
    }
}
