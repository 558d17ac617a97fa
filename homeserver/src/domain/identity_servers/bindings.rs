//! Addresses that identity servers tell others to be a user's, and taking them back.

use futures_util::future::join_all;
use ruma::{
    ClientSecret, SessionId, UserId, api::identity_service::association::bind_3pid::v2 as bind_3pid, thirdparty::Medium,
};

use crate::store::{Durability, StoreError, ThreepidBinding, UserSn};

use super::{IdentityError, IdentityServers, Threepid};

/// Bindings that one account may have.
const MOST: usize = 50;

impl IdentityServers {
    /// Lets an identity server tell others whose the address is that was shown to it.
    pub async fn bind(
        &self,
        user: UserSn,
        user_id: &UserId,
        id_server: &str,
        token: &str,
        shown: (&SessionId, &ClientSecret),
    ) -> Result<(), IdentityError> {
        let server = self.trusted(id_server)?;
        if self.store.read().await?.threepid_bindings(user).await?.len() >= MOST {
            return Err(IdentityError::TooMany(MOST));
        }
        let (sid, client_secret) = shown;
        let request = bind_3pid::Request::new(sid.to_owned(), client_secret.to_owned(), user_id.to_owned());
        let bound = self.ask(&server, token, request).await?;
        let threepid = Threepid::new(&bound.medium, &bound.address)?;
        let (medium, address) = (threepid.medium.to_string(), threepid.address);
        let bound = ThreepidBinding { medium, address, id_server: server.name.to_string() };
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move { tx.put_threepid_binding(user, &bound).await })
            })
            .await?;
        Ok(())
    }

    /// Takes an address back from the identity server that is named, or else from all that are known to have it; `false` when none of them
    /// is known, trusted or takes anything back.
    pub async fn unbind(
        &self,
        user: UserSn,
        user_id: &UserId,
        id_server: Option<&str>,
        (medium, address): (&Medium, &str),
    ) -> Result<bool, IdentityError> {
        if self.is_empty() {
            return Ok(false);
        }
        let Ok(threepid) = Threepid::new(medium, address) else { return Ok(false) };
        let (medium, address) = (threepid.medium.to_string(), threepid.address);
        let bound = match id_server {
            Some(id_server) => {
                let Ok(server) = self.trusted(id_server) else { return Ok(false) };
                vec![ThreepidBinding { medium, address, id_server: server.name.to_string() }]
            }
            None => {
                let mut bound = self.store.read().await?.threepid_bindings(user).await?;
                bound.retain(|bound| bound.medium == medium && bound.address == address);
                bound
            }
        };
        let mut all = !bound.is_empty();
        for bound in bound {
            all &= self.take_back(user, user_id, bound).await?;
        }
        Ok(all)
    }

    /// Takes back every address of a user, as far as that goes; says whether it went all the way.
    pub async fn unbind_all(
        &self,
        user: UserSn,
        user_id: &UserId,
        id_server: Option<&str>,
    ) -> Result<bool, IdentityError> {
        let bound = self.store.read().await?.threepid_bindings(user).await?;
        let named = id_server.map(|id_server| self.trusted(id_server).ok().map(|server| server.name));
        let results = join_all(bound.into_iter().map(|bound| {
            // Another server than the one that was named keeps what it has.
            let meant =
                named.as_ref().is_none_or(|named| named.as_ref().is_some_and(|name| name.as_str() == bound.id_server));
            async move {
                if !meant {
                    return false;
                }
                let id_server = bound.id_server.clone();
                let result = self.take_back(user, user_id, bound).await;
                if let Err(error) = &result {
                    tracing::warn!(id_server, %error, "An address could not be taken back.");
                }
                matches!(result, Ok(true))
            }
        }));
        Ok(results.await.into_iter().all(|taken| taken))
    }

    async fn take_back(&self, user: UserSn, user_id: &UserId, bound: ThreepidBinding) -> Result<bool, IdentityError> {
        let Ok(server) = self.trusted(&bound.id_server) else { return Ok(false) };
        let threepid = Threepid::new(&bound.medium.as_str().into(), &bound.address)?;
        let taken = self.ask_to_unbind(&server, user_id, &threepid).await?;
        if taken {
            self.store
                .write::<_, StoreError, _>(Durability::Full, move |tx| {
                    Box::pin(async move { tx.delete_threepid_binding(user, &bound).await })
                })
                .await?;
        }
        Ok(taken)
    }
}
