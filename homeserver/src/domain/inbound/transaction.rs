//! Transactions of other servers: bounded, answered once, acknowledged only when everything in them is kept.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedEventId, OwnedRoomId, ServerName, TransactionId, api::federation::transactions::edu::Edu, serde::Raw};
use serde_json::value::RawValue;

use crate::{
    domain::federation::Origin,
    store::{Durability, ServerSn, StoreError},
};

use super::{
    Inbound,
    admission::{Look, Refused, RoomsSeen, Staged},
};

/// The specification's limits of a transaction and of an event.
pub const PDUS: usize = 50;
pub const EDUS: usize = 100;

/// What became of each event of a transaction.
pub type PduResults = BTreeMap<OwnedEventId, Result<(), String>>;

/// A transaction as it came.
#[derive(Debug)]
pub struct Transaction<'a> {
    pub txn_id: &'a TransactionId,
    /// The origin that it names.
    pub origin: &'a ServerName,
    pub pdus: &'a [Box<RawValue>],
    pub edus: &'a [Raw<Edu>],
}

impl Transaction<'_> {
    /// What is too much is so at any time: it need not come again.
    pub fn check_size(&self) -> Result<(), TransactionError> {
        let fits = self.pdus.len() <= PDUS && self.edus.len() <= EDUS;
        if fits { Ok(()) } else { Err(TransactionError::TooMany) }
    }
}

/// A transaction was not taken at all.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    #[error("A transaction has at most {PDUS} PDUs and {EDUS} EDUs")]
    TooMany,
    #[error("The transaction names another origin than the server that sent it")]
    WrongOrigin,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Inbound {
    /// Takes a transaction and answers when nothing of it can be lost any more.
    pub async fn transaction(
        &self,
        origin: &Origin,
        transaction: Transaction<'_>,
    ) -> Result<PduResults, TransactionError> {
        transaction.check_size()?;
        if transaction.origin != origin.server_name {
            return Err(TransactionError::WrongOrigin);
        }
        let _turn = self.turns.take(origin.server).await;
        if let Some(answer) = self.answered(origin, transaction.txn_id).await? {
            return Ok(answer);
        }
        self.heard_from(origin).await?;
        self.wait_for_joins(transaction.pdus).await?;
        // Keys come before the messages that they open. Everything is taken before the answer is remembered: what a stop of the
        // program cuts off is sent again.
        self.take_edus(origin, transaction.edus, true).await?;
        self.take_edus(origin, transaction.edus, false).await?;
        Ok(self.take_pdus(origin, transaction.txn_id, transaction.pdus).await?)
    }

    /// The answer to a transaction that was taken before.
    async fn answered(&self, origin: &Origin, txn_id: &TransactionId) -> Result<Option<PduResults>, StoreError> {
        let answer = self.store.read().await?.received_transaction(origin.server, txn_id.as_str()).await?;
        let answer =
            answer.and_then(|answer| serde_json::from_str::<BTreeMap<OwnedEventId, Option<String>>>(&answer).ok());
        Ok(answer.map(|answer| answer.into_iter().map(|(id, error)| (id, error.map_or(Ok(()), Err))).collect()))
    }

    /// Takes a transaction's events and remembers the answer.
    async fn take_pdus(
        &self,
        origin: &Origin,
        txn_id: &TransactionId,
        pdus: &[Box<RawValue>],
    ) -> Result<PduResults, StoreError> {
        let mut rooms = RoomsSeen::default();
        let mut results = PduResults::new();
        let (mut staged, mut refused) = (Vec::new(), Vec::new());
        for pdu in pdus {
            match self.look_at(&mut rooms, origin, pdu).await? {
                Ok(Look { event_id, stage }) => {
                    results.insert(event_id, Ok(()));
                    staged.extend(stage);
                }
                Err(Refused { event_id, reason }) => {
                    refused.push(reason.clone());
                    results.extend(event_id.map(|event_id| (event_id, Err(reason))));
                }
            }
        }
        if let Some(last) = refused.last() {
            let count = refused.len();
            tracing::info!(origin = %origin.server_name, count, last, "Events of a transaction were refused.");
        }
        self.keep(origin, txn_id, staged, &results).await?;
        Ok(results)
    }

    /// The server that lets us in speaks to us before its answer has made us members: its events wait for that.
    async fn wait_for_joins(&self, pdus: &[Box<RawValue>]) -> Result<(), StoreError> {
        #[derive(serde::Deserialize)]
        struct OfRoom {
            room_id: OwnedRoomId,
        }
        let of_room = |pdu: &RawValue| serde_json::from_str::<OfRoom>(pdu.get()).ok();
        let rooms: BTreeSet<OwnedRoomId> = pdus.iter().filter_map(|pdu| Some(of_room(pdu)?.room_id)).collect();
        for room_id in rooms {
            let known = self.store.read().await?.room_sn(&room_id).await?;
            let joined = match known {
                Some(room) => self.store.read().await?.server_is_joined(room, ServerSn::OURS).await?,
                None => false,
            };
            if !joined {
                self.rooms.until_entered(&room_id).await;
            }
        }
        Ok(())
    }

    async fn keep(
        &self,
        origin: &Origin,
        txn_id: &TransactionId,
        staged: Vec<Staged>,
        results: &PduResults,
    ) -> Result<(), StoreError> {
        let answer: BTreeMap<_, _> = results.iter().map(|(id, result)| (id, result.as_ref().err())).collect();
        let answer = serde_json::to_string(&answer).map_err(|_| StoreError::Damaged("an answer"))?;
        let (server, server_name, txn_id) = (origin.server, origin.server_name.clone(), txn_id.to_owned());
        // The sender forgets what we acknowledge.
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    for Staged { room_id, lane, event_id, json } in &staged {
                        let (event_id, origin) = (event_id.as_str(), server_name.as_str());
                        tx.stage_pdu(room_id.as_str(), *lane, event_id, origin, json).await?;
                    }
                    tx.put_received_transaction(server, txn_id.as_str(), &answer).await
                })
            })
            .await
    }
}
