//! Asking other servers for the keys of their users.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use ruma::{
    OwnedDeviceId, OwnedServerName, OwnedUserId,
    api::{
        client::keys::get_keys,
        federation::{
            device::get_devices::v1::Request as GetDevices,
            keys::{claim_keys::v1::Request as ClaimKeys, get_keys::v1::Request as GetKeys},
        },
    },
};
use serde_json::{Value, json};

use crate::domain::federation::{Deadline, FederationError};

use super::{
    Encryption, EncryptionError,
    claim::{Claimed, Claims},
};

/// Devices and cross-signing keys of some users.
pub type Keys = get_keys::v3::Response;

/// Servers that did not answer, and why.
pub type Failures = BTreeMap<String, Value>;

/// Users and devices that are asked for.
pub(super) type Wanted = BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>;

/// Requests under way at the same time.
const AT_ONCE: usize = 16;
/// How long a server is waited for when nobody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lists that are fetched again in one go.
const REFRESH: i64 = 1000;

impl Encryption {
    /// Brings our copies of the users' lists up to date and answers the keys of those users whom we keep no copy of.
    pub(super) async fn ask_for_keys(&self, wanted: Wanted, timeout: Duration) -> Result<Keys, EncryptionError> {
        let (mut to_fetch, mut to_ask) = (Vec::new(), BTreeMap::<OwnedServerName, Wanted>::new());
        let mut db = self.store.read().await?;
        for (user_id, devices) in wanted {
            let user = db.user_sn(&user_id).await?;
            let shared = match user {
                Some(user) => !db.local_users_sharing_rooms(user).await?.is_empty(),
                None => false,
            };
            match user.filter(|_| shared) {
                Some(user) if db.remote_list(user).await?.is_none_or(|list| list.stale) => to_fetch.push(user_id),
                Some(_) => {}
                None => {
                    to_ask.entry(user_id.server_name().to_owned()).or_default().insert(user_id, devices);
                }
            }
        }
        drop(db);
        let (unfetched, (mut keys, unanswered)) =
            tokio::join!(self.fetch_lists(to_fetch, timeout), self.ask_unfollowed(to_ask, timeout));
        keys.failures.extend(unfetched?);
        keys.failures.extend(unanswered);
        Ok(keys)
    }

    /// Claims keys from the servers of remote users.
    pub(super) async fn ask_to_claim(&self, claims: Claims, timeout: Duration) -> (Claimed, Failures) {
        let mut by_server = BTreeMap::<OwnedServerName, Claims>::new();
        for (user_id, devices) in claims {
            by_server.entry(user_id.server_name().to_owned()).or_default().insert(user_id, devices);
        }
        let answers = stream::iter(by_server).map(async |(server, claims)| {
            let request = self.federation.request(&server, ClaimKeys::new(claims.clone()), Deadline::Query);
            let mut keys = within(timeout, request).await.map_err(|failure| (server.to_string(), failure))?;
            // Nobody speaks for users who were not asked about.
            keys.one_time_keys.retain(|user_id, _| claims.contains_key(user_id));
            Ok(keys.one_time_keys)
        });
        let (mut claimed, mut failures) = (Claimed::new(), Failures::new());
        for answer in answers.buffer_unordered(AT_ONCE).collect::<Vec<Result<Claimed, (String, Value)>>>().await {
            match answer {
                Ok(keys) => claimed.extend(keys),
                Err((server, failure)) => {
                    failures.insert(server, failure);
                }
            }
        }
        (claimed, failures)
    }

    /// What a start begins with: lists that went stale while this server was away are fetched again, old message ids are forgotten.
    pub async fn catch_up(&self) {
        let done = async {
            self.forget_old_message_ids().await?;
            let stale = self.store.read().await?.stale_remote_lists(REFRESH).await?;
            self.fetch_lists(stale, PATIENCE).await
        };
        if let Err(error) = done.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Device lists could not be brought up to date.");
        }
    }

    /// Fetches whole lists of users and keeps them.
    async fn fetch_lists(&self, users: Vec<OwnedUserId>, timeout: Duration) -> Result<Failures, EncryptionError> {
        let answers = stream::iter(users).map(async |user_id| {
            let request = GetDevices::new(user_id.clone());
            let request = self.federation.request(user_id.server_name(), request, Deadline::Query);
            (user_id.clone(), within(timeout, request).await)
        });
        let mut failures = Failures::new();
        for (user_id, answer) in answers.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
            match answer {
                Ok(answer) => self.keep_remote_list(&user_id, answer).await?,
                Err(failure) => {
                    failures.insert(user_id.server_name().to_string(), failure);
                }
            }
        }
        Ok(failures)
    }

    /// Asks for the keys of users with whom nobody here shares a room.
    async fn ask_unfollowed(&self, wanted: BTreeMap<OwnedServerName, Wanted>, timeout: Duration) -> (Keys, Failures) {
        let answers = stream::iter(wanted).map(async |(server, wanted)| {
            let request = self.federation.request(&server, GetKeys::new(wanted.clone()), Deadline::Query);
            let answer = within(timeout, request).await.map_err(|failure| (server.to_string(), failure))?;
            Ok((wanted.into_keys().collect::<BTreeSet<_>>(), answer))
        });
        let (mut keys, mut failures) = (Keys::new(), Failures::new());
        for answer in answers.buffer_unordered(AT_ONCE).collect::<Vec<Result<_, (String, Value)>>>().await {
            match answer {
                Ok((asked, answer)) => {
                    // Nobody speaks for users who were not asked about.
                    keys.device_keys.extend(answer.device_keys.into_iter().filter(|(user, _)| asked.contains(user)));
                    keys.master_keys.extend(answer.master_keys.into_iter().filter(|(user, _)| asked.contains(user)));
                    keys.self_signing_keys
                        .extend(answer.self_signing_keys.into_iter().filter(|(user, _)| asked.contains(user)));
                }
                Err((server, failure)) => {
                    failures.insert(server, failure);
                }
            }
        }
        (keys, failures)
    }
}

/// The answer, or why there is none in the form that clients get.
async fn within<A>(timeout: Duration, request: impl Future<Output = Result<A, FederationError>>) -> Result<A, Value> {
    let error = match tokio::time::timeout(timeout, request).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "The server took too long to answer".to_owned(),
    };
    Err(json!({ "errcode": "M_UNKNOWN", "error": error, "status": 503 }))
}
