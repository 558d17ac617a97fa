//! Transactions of other servers: bounded, answered once, acknowledged only when everything in them is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedEventId, OwnedRoomId, RoomId, ServerName, TransactionId,
    UserId, api::federation::transactions::edu::Edu, serde::Raw, signatures::reference_hash,
};
use serde_json::value::RawValue;

use crate::{
    domain::federation::Origin,
    store::{Db, Durability, Membership, RoomRow, ServerSn, Standing, StoreError},
};

use super::{Inbound, access::is_denied};

/// The specification's limits of a transaction and of an event.
pub const PDUS: usize = 50;
pub const EDUS: usize = 100;
const PDU_BYTES: usize = 65_536;
/// PDUs of one room that may wait; what comes then is refused, and asked for later when something names it.
const WAITING: i64 = 5000;

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

/// An event that is kept until its room's worker looks at it.
struct Staged {
    room_id: OwnedRoomId,
    event_id: OwnedEventId,
    json: String,
}

impl Inbound {
    /// Takes a transaction and answers when nothing of it can be lost any more.
    pub async fn transaction(
        &self,
        origin: &Origin,
        transaction: Transaction<'_>,
    ) -> Result<PduResults, TransactionError> {
        if transaction.pdus.len() > PDUS || transaction.edus.len() > EDUS {
            return Err(TransactionError::TooMany);
        }
        if transaction.origin != origin.server_name {
            return Err(TransactionError::WrongOrigin);
        }
        let _turn = self.turns.take(origin.server).await;
        if let Some(answer) = self.answered(origin, transaction.txn_id).await? {
            return Ok(answer);
        }
        // Keys come before the messages that they open.
        self.take_edus(origin, transaction.edus, true).await?;
        let results = self.take_pdus(origin, transaction.txn_id, transaction.pdus).await?;
        self.take_edus(origin, transaction.edus, false).await?;
        Ok(results)
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
        self.wait_for_joins(pdus).await?;
        let mut rooms = Rooms::default();
        let mut results = PduResults::new();
        let mut staged = Vec::new();
        let mut db = self.store.read().await?;
        for pdu in pdus {
            match rooms.look_at(&mut db, origin, pdu).await? {
                Ok(Look { event_id, stage }) => {
                    results.insert(event_id, Ok(()));
                    staged.extend(stage);
                }
                Err(Refused { event_id: Some(event_id), reason }) => {
                    results.insert(event_id, Err(reason));
                }
                Err(Refused { event_id: None, reason }) => {
                    tracing::debug!(origin = %origin.server_name, reason, "An event without an id was ignored.");
                }
            }
        }
        drop(db);
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
                    for Staged { room_id, event_id, json } in &staged {
                        tx.stage_pdu(room_id.as_str(), event_id.as_str(), server_name.as_str(), json).await?;
                    }
                    tx.put_received_transaction(server, txn_id.as_str(), &answer).await
                })
            })
            .await
    }
}

struct Look {
    event_id: OwnedEventId,
    /// `None` when it is here already.
    stage: Option<Staged>,
}

struct Refused {
    event_id: Option<OwnedEventId>,
    reason: String,
}

/// Rooms of one transaction: each is read once.
#[derive(Default)]
struct Rooms(HashMap<OwnedRoomId, Result<RoomRow, &'static str>>);

impl Rooms {
    async fn look_at(
        &mut self,
        db: &mut Db,
        origin: &Origin,
        pdu: &RawValue,
    ) -> Result<Result<Look, Refused>, StoreError> {
        let refuse = |event_id, reason: &str| Ok(Err(Refused { event_id, reason: reason.to_owned() }));
        let object = match serde_json::from_str::<CanonicalJsonObject>(pdu.get()) {
            Ok(object) => object,
            Err(error) => return refuse(None, &error.to_string()),
        };
        let room_id = object.get("room_id").and_then(CanonicalJsonValue::as_str).and_then(|id| RoomId::parse(id).ok());
        let Some(room_id) = room_id else { return refuse(None, "it names no room") };
        let room = match self.room(db, origin, &room_id).await? {
            Ok(room) => room,
            Err(reason) => {
                if let Some(room) = withdrawal(db, &room_id, &object).await? {
                    let Some(event_id) = id_of(&object, &room.version) else { return refuse(None, "it has no id") };
                    if pdu.get().len() > PDU_BYTES {
                        return refuse(Some(event_id), "The event is larger than 65,536 bytes");
                    }
                    let stage = Some(Staged { room_id, event_id: event_id.clone(), json: pdu.get().to_owned() });
                    return Ok(Ok(Look { event_id, stage }));
                }
                // Its id depends on a room version that we do not know; the newest ones agree on it.
                return refuse(id_of(&object, &ruma::RoomVersionId::V11), reason);
            }
        };
        let Some(event_id) = id_of(&object, &room.version) else { return refuse(None, "it has no id") };
        if pdu.get().len() > PDU_BYTES {
            return refuse(Some(event_id), "The event is larger than 65,536 bytes");
        }
        let stage = match db.event_sn(&event_id).await? {
            Some((_, standing)) if standing != Standing::Unknown => None,
            _ => Some(Staged { room_id, event_id: event_id.clone(), json: pdu.get().to_owned() }),
        };
        Ok(Ok(Look { event_id, stage }))
    }

    async fn room(
        &mut self,
        db: &mut Db,
        origin: &Origin,
        room_id: &RoomId,
    ) -> Result<Result<RoomRow, &'static str>, StoreError> {
        if let Some(known) = self.0.get(room_id) {
            return Ok(known.clone());
        }
        let room = match db.room_by_id(room_id).await? {
            None => Err("This server is not in the room"),
            Some(room) if !db.server_is_joined(room.sn, ServerSn::OURS).await? => Err("This server is not in the room"),
            Some(room) if is_denied(db, room.sn, &origin.server_name).await? => {
                Err("The room's access list denies your server")
            }
            Some(_) if db.staged_count(room_id.as_str()).await? > WAITING => {
                Err("Too many events of the room wait here")
            }
            Some(room) => Ok(room),
        };
        self.0.insert(room_id.to_owned(), room.clone());
        Ok(room)
    }
}

/// The room, when the event says that a user of ours, who is invited or knocked from outside, shall not come in.
async fn withdrawal(
    db: &mut Db,
    room_id: &RoomId,
    object: &CanonicalJsonObject,
) -> Result<Option<RoomRow>, StoreError> {
    if object.get("type").and_then(CanonicalJsonValue::as_str) != Some("m.room.member") {
        return Ok(None);
    }
    let Some(room) = db.room_by_id(room_id).await? else { return Ok(None) };
    let target = object.get("state_key").and_then(CanonicalJsonValue::as_str).and_then(|id| UserId::parse(id).ok());
    let Some(target) = target else { return Ok(None) };
    let Some(user) = db.user_sn(&target).await? else { return Ok(None) };
    let mine = db.local_membership(user, room.sn).await?;
    let outside = mine.is_some_and(|mine| matches!(mine.membership, Membership::Invite | Membership::Knock));
    let here = db.server_is_joined(room.sn, ServerSn::OURS).await?;
    Ok((outside && !here).then_some(room))
}

fn id_of(object: &CanonicalJsonObject, version: &ruma::RoomVersionId) -> Option<OwnedEventId> {
    let hash = reference_hash(object, &version.rules()?).ok()?;
    EventId::parse(format!("${hash}")).ok()
}
