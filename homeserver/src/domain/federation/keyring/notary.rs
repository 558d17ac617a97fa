//! Keys of servers that do not answer any more, as others remember them: believed for the events at hand and for nothing else.
//!
//! Whoever may name keys of a silent server may write in its name, so what a notary says is not kept, never checks a request, and
//! counts only as far as most of those agree who know the server.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future::join_all};
use http::{Request, StatusCode};
use rand::seq::SliceRandom as _;
use ruma::{
    CanonicalJsonObject, MilliSecondsSinceUnixEpoch, OwnedServerName, OwnedServerSigningKeyId, ServerName, UInt,
    api::{
        IncomingResponse as _, OutgoingRequest as _,
        federation::discovery::get_remote_server_keys_batch::v2::{self as query, QueryCriteria},
    },
    room_version_rules::RoomVersionRules,
    signatures::PublicKeyMap,
};
use tokio::time::Instant;

use crate::{
    domain::federation::{key_answer, transport::Limits},
    store::StoreError,
};

use super::{
    EVENT_FETCHES, Keyring, VerifyError,
    fetch::DEADLINE,
    known::{KnownKeys, When},
    wanted,
};

/// How long each server itself is asked, and all of them together, where others can be asked instead.
const SOON: Duration = Duration::from_secs(4);
const DIRECT: Duration = Duration::from_secs(120);
/// Notaries that are asked, servers in one question, and questions.
const NOTARIES: usize = 3;
const SERVERS: usize = 100;
const QUESTIONS: usize = 100;
/// How long all questions to one notary take at most.
const ASKED: Duration = Duration::from_secs(60);
/// Where keys of more servers are needed, notaries are asked before them.
const MANY: usize = 50;
const LIMITS: Limits = Limits { deadline: Duration::from_secs(30), body: 4 << 20 };

/// Keys for checking some events, beside those that the keyring has by now.
#[derive(Debug, Default)]
pub struct Prepared(HashMap<OwnedServerName, KnownKeys>);

/// What one server's keys are needed for.
type Wants = Vec<(Vec<String>, When)>;

impl Keyring {
    /// Fetches the keys that these events need: from each server, many at a time, and those of silent ones from `notaries`, of which
    /// the first few are asked.
    pub async fn prepare(
        &self,
        rules: &RoomVersionRules,
        events: &[CanonicalJsonObject],
        notaries: &[OwnedServerName],
    ) -> Prepared {
        let mut servers: BTreeMap<OwnedServerName, Wants> = BTreeMap::new();
        for (server, key_ids, when) in events.iter().filter_map(|event| wanted(rules, event).ok()).flatten() {
            let wants = servers.entry(server).or_default();
            // What is good for the latest is good for those before it.
            match wants.iter_mut().find(|(ids, _)| *ids == key_ids) {
                Some((_, latest)) => *latest = when.max(*latest),
                None => wants.push((key_ids, when)),
            }
        }
        if notaries.is_empty() {
            self.ask_each(&servers.into_iter().collect::<Vec<_>>(), DEADLINE).await;
            return Prepared::default();
        }
        let mut servers: Vec<(OwnedServerName, Wants)> = servers.into_iter().collect();
        let lacking = self.lacking(&servers).await;
        let mut told = None;
        if lacking.len() > MANY {
            // Many of them are long gone. Those whose keys the notaries saw renewed are asked first, those of old keys last.
            let others: Vec<_> = lacking.into_iter().filter(|(server, ..)| !notaries.contains(server)).collect();
            let known = self.ask_notaries(notaries, &others).await;
            let now = self.0.clock.now_ms();
            servers.shuffle(&mut rand::rng());
            servers.sort_by_key(|(server, wants)| match known.0.get(server) {
                Some(keys) => !wants.iter().any(|(ids, _)| !keys.usable(ids, When::Now, now).is_empty()),
                None => false,
            });
            told = Some(known);
        }
        let in_time = tokio::time::timeout(DIRECT, self.ask_each(&servers, SOON)).await.is_ok();
        let mut silent = Vec::new();
        for (server, when, key_ids) in self.lacking(&servers).await {
            // Nobody speaks for a server that answers, even if it denies a key.
            let spoken_for = match self.known(&server).await {
                Ok(known) => known.failures > 0 || (!in_time && known.asked_ts.is_none()),
                Err(_) => false,
            };
            if spoken_for {
                silent.push((server, when, key_ids));
            }
        }
        match told {
            Some(Prepared(mut told)) => {
                let silent: HashSet<&OwnedServerName> = silent.iter().map(|(server, ..)| server).collect();
                told.retain(|server, _| silent.contains(server));
                Prepared(told)
            }
            None => self.ask_notaries(notaries, &silent).await,
        }
    }

    /// Asks servers for keys that are not here, many at a time, in this order. Whoever needs the key meets the error.
    async fn ask_each(&self, servers: &[(OwnedServerName, Wants)], deadline: Duration) {
        let asking = futures_util::stream::iter(servers);
        asking
            .for_each_concurrent(EVENT_FETCHES, async |(server, wants)| {
                for (key_ids, when) in wants {
                    self.keys(server, key_ids, *when, deadline).await.ok();
                }
            })
            .await;
    }

    /// Those of the servers of which a key is not here, each with the latest time that one is needed for.
    async fn lacking(&self, servers: &[(OwnedServerName, Wants)]) -> Vec<(OwnedServerName, When, Vec<String>)> {
        let mut lacking = Vec::new();
        for (server, wants) in servers {
            let mut until = None;
            for (key_ids, when) in wants {
                if matches!(self.keys_at_hand(server, key_ids, *when).await, Ok(None)) {
                    until = until.max(Some((*when, key_ids.clone())));
                }
            }
            lacking.extend(until.map(|(when, key_ids)| (server.clone(), when, key_ids)));
        }
        lacking
    }

    /// The keys that [`Self::verify_event`] would look for, after [`Self::prepare`]: nobody is asked any more.
    pub async fn prepared_keys(
        &self,
        prepared: &Prepared,
        rules: &RoomVersionRules,
        event: &CanonicalJsonObject,
    ) -> Result<PublicKeyMap, VerifyError> {
        let mut keys = PublicKeyMap::new();
        for (server, key_ids, when) in wanted(rules, event)? {
            let set = match self.keys_at_hand(&server, &key_ids, when).await? {
                Some(set) => set,
                None => prepared
                    .0
                    .get(&server)
                    .map(|known| known.usable(&key_ids, when, self.0.clock.now_ms()))
                    .unwrap_or_default(),
            };
            if set.is_empty() {
                return Err(VerifyError::NoKey(server));
            }
            keys.insert(server.into(), set);
        }
        Ok(keys)
    }

    async fn ask_notaries(
        &self,
        notaries: &[OwnedServerName],
        lacking: &[(OwnedServerName, When, Vec<String>)],
    ) -> Prepared {
        let silent = |notary: &&OwnedServerName| lacking.iter().any(|(server, ..)| server == *notary);
        let notaries =
            notaries.iter().filter(|notary| **notary != self.0.server_name && !silent(notary)).take(NOTARIES);
        let questions = || lacking.chunks(SERVERS).take(QUESTIONS);
        let answers = join_all(notaries.map(async |notary| {
            let (mut known, end) = (HashMap::new(), Instant::now() + ASKED);
            for question in questions() {
                let answer = tokio::time::timeout_at(end, self.ask_notary(notary, question)).await;
                match answer.unwrap_or_else(|_| Err("it takes too long".to_owned())) {
                    Ok(answer) => known.extend(answer),
                    Err(reason) => {
                        tracing::info!(server = %notary, reason, "A server does not tell the keys of others.");
                        break;
                    }
                }
            }
            known
        }))
        .await;
        let mut told: HashMap<OwnedServerName, Vec<KnownKeys>> = HashMap::new();
        for (server, known) in answers.into_iter().flatten() {
            told.entry(server).or_default().push(known);
        }
        Prepared(told.into_iter().map(|(server, told)| (server, KnownKeys::agreed(&told))).collect())
    }

    async fn ask_notary(
        &self,
        notary: &ServerName,
        question: &[(OwnedServerName, When, Vec<String>)],
    ) -> Result<HashMap<OwnedServerName, KnownKeys>, String> {
        let criteria = |when: &When| {
            let mut criteria = QueryCriteria::new();
            // A time of the past: what the notary remembers will do, it need not ask a silent server again.
            let until = if let When::At(ts) = when { u64::try_from(*ts).unwrap_or_default() } else { 0 };
            criteria.minimum_valid_until_ts = UInt::try_from(until).ok().map(MilliSecondsSinceUnixEpoch);
            criteria
        };
        let servers = question.iter().map(|(server, when, key_ids)| {
            let ids = key_ids.iter().filter_map(|id| OwnedServerSigningKeyId::try_from(id.as_str()).ok());
            (server.clone(), ids.map(|id| (id, criteria(when))).collect())
        });
        let request = query::Request::new(servers.collect());
        let request: Request<BytesMut> =
            request.try_into_http_request("", (), ()).map_err(|error| error.to_string())?;
        let request: Request<Bytes> = request.map(BytesMut::freeze);
        let response = self.0.transport.send(notary, request, LIMITS).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let response = query::Response::try_from_http_response(response).map_err(|error| error.to_string())?;
        let now = self.0.clock.now_ms();
        let mut known = HashMap::new();
        for answer in response.server_keys.iter().take(question.len()) {
            let json = answer.json().get();
            let Ok(object) = serde_json::from_str::<CanonicalJsonObject>(json) else { continue };
            let Some((server, ..)) = question.iter().find(|(server, ..)| {
                object.get("server_name").and_then(ruma::CanonicalJsonValue::as_str) == Some(server.as_str())
            }) else {
                continue;
            };
            let signed = self.verify_json(notary, &object).await.map_err(|error| error.to_string());
            let read =
                signed.and_then(|()| key_answer::read(server, json.as_bytes(), now).map_err(|error| error.to_string()));
            match read {
                Ok(answer) => drop(known.insert(server.clone(), KnownKeys::from_rows(answer.keys))),
                Err(reason) => {
                    tracing::debug!(server = %server, notary = %notary, reason, "A notary's answer is not believed.")
                }
            }
        }
        Ok(known)
    }

    /// What is known about a server as a notary: its own newest answer.
    pub(super) async fn kept_answer(
        &self,
        server: &ServerName,
    ) -> Result<Option<crate::store::SigningKeyAnswer>, StoreError> {
        let mut db = self.0.store.read().await?;
        match db.server_sn(server).await? {
            Some(server) => db.signing_key_answer(server).await,
            None => Ok(None),
        }
    }

    /// As a notary: the server's own newest answer, with our signature added. One that is not good until `minimum_valid_until_ts` is
    /// fetched anew when half of its time is over.
    ///
    /// `None` when the server never answered. The caller bounds how many servers are asked for.
    pub async fn notarise(
        &self,
        server: &ServerName,
        minimum_valid_until_ts: i64,
    ) -> Result<Option<String>, VerifyError> {
        if server == self.0.server_name {
            return Ok(self.own_answer().map(|answer| answer.json));
        }
        if crypto::name::kind(server) == crypto::name::NameKind::Misspelt {
            return Ok(None);
        }
        let mut answer = self.kept_answer(server).await?;
        let now = self.0.clock.now_ms();
        let good = answer.as_ref().is_some_and(|answer| {
            let fresh =
                now.saturating_sub(answer.fetched_ts) < answer.valid_until_ts.saturating_sub(answer.fetched_ts) / 2;
            answer.valid_until_ts >= minimum_valid_until_ts || fresh
        });
        if !good {
            let known = self.known(server).await?;
            self.fetch(server, &known, When::Ever, DEADLINE).await?;
            answer = self.kept_answer(server).await?;
        }
        let Some(answer) = answer else { return Ok(None) };
        let mut object: CanonicalJsonObject =
            serde_json::from_str(&answer.json).map_err(|_| StoreError::Damaged("a server's key answer"))?;
        self.sign_json(&mut object).map_err(|_| StoreError::Damaged("a server's key answer"))?;
        Ok(serde_json::to_string(&object).ok())
    }
}
