//! Users and aliases that do not exist yet: the service whose names they are may make them when they are asked for.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use ruma::{
    RoomAliasId, UserId,
    api::appservice::query::{query_room_alias, query_user_id},
};

use crate::{domain::federation::Limits, store::StoreError};

use super::{Appservice, Appservices, client::build};

/// How long one question may take, and the pauses before it is asked again.
const PATIENCE: Limits = Limits { deadline: Duration::from_secs(8), body: 1 << 20 };
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Nobody could say whether there is such a user or room.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the application service that this name belongs to does not answer")]
    Silent,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Appservices {
    /// Asks for a local user who has no account. Says whether there is an account now.
    pub async fn ensure_user(&self, user_id: &UserId) -> Result<bool, QueryError> {
        if self.is_empty() || !self.is_local(user_id) {
            return Ok(false);
        }
        if self.0.store.read().await?.account(user_id).await?.is_some() {
            return Ok(true);
        }
        let asked = self.0.services.iter().filter(|service| service.registered.users.contains(user_id.as_str()));
        let mut silent = false;
        for service in asked {
            let Some(request) = build(service, query_user_id::v1::Request::new(user_id.to_owned())) else { continue };
            match self.question(service, request).await {
                // The answer says that the service knows the user, the account that it has made them.
                Some(true) if self.0.store.read().await?.account(user_id).await?.is_some() => return Ok(true),
                Some(_) => {}
                None => silent = true,
            }
        }
        if silent { Err(QueryError::Silent) } else { Ok(false) }
    }

    /// Asks for an alias of this server that leads nowhere. Says whether it may lead somewhere now.
    pub async fn ensure_alias(&self, alias: &RoomAliasId) -> Result<bool, QueryError> {
        let asked: Vec<&Arc<Appservice>> =
            self.0.services.iter().filter(|service| service.holds_alias(alias)).collect();
        let mut silent = false;
        for service in asked {
            let request = query_room_alias::v1::Request::new(alias.to_owned());
            let Some(request) = build(service, request) else { continue };
            match self.question(service, request).await {
                Some(true) => return Ok(true),
                Some(false) => {}
                None => silent = true,
            }
        }
        if silent { Err(QueryError::Silent) } else { Ok(false) }
    }

    /// Yes or no; `None` when there is no answer after several attempts.
    async fn question(&self, service: &Appservice, request: Request<Bytes>) -> Option<bool> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.exchange(service, request.clone(), PATIENCE).await {
                Ok(answer) if answer.status() == StatusCode::OK => return Some(true),
                Ok(answer) if !answer.status().is_server_error() => return Some(false),
                Ok(answer) => tracing::debug!(service = service.id(), status = %answer.status(), "A query failed."),
                Err(error) => tracing::debug!(service = service.id(), %error, "A query had no answer."),
            }
            tokio::time::sleep(pauses.next()?).await;
        }
    }
}
