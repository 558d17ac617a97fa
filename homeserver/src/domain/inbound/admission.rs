//! Which events of a transaction may wait for their room's worker, and in which lane.

use std::collections::HashMap;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
    UserId, signatures::reference_hash,
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::versions,
        federation::{Origin, VerifyError},
    },
    store::{Db, Lane, Membership, RoomRow, ServerSn, Standing, StoreError},
};

use super::{Inbound, access::is_denied};

const PDU_BYTES: usize = 65_536;
/// PDUs of one room that may wait in a lane; what comes then is refused, and asked for later when something names it.
const READY: i64 = 5000;
const DOUBTFUL: i64 = 500;
/// Of these, how many one server may bring.
const READY_OF_ONE: i64 = 500;
const DOUBTFUL_OF_ONE: i64 = 100;
/// PDUs that strangers to a room may let wait there, and one of them.
const OF_STRANGERS: i64 = 250;
const OF_ONE_STRANGER: i64 = 20;
/// PDUs of one server that may wait in all rooms together.
const EVERYWHERE: i64 = 5000;

/// An event that is kept until its room's worker looks at it.
pub(super) struct Staged {
    pub room_id: OwnedRoomId,
    pub lane: Lane,
    pub event_id: OwnedEventId,
    pub json: String,
}

/// An event that is taken.
pub(super) struct Look {
    pub event_id: OwnedEventId,
    /// `None` when it is here already.
    pub stage: Option<Staged>,
}

pub(super) struct Refused {
    /// `None` when it has none.
    pub event_id: Option<OwnedEventId>,
    pub reason: String,
}

/// Rooms of one transaction: each is read once.
#[derive(Default)]
pub(super) struct RoomsSeen(HashMap<OwnedRoomId, Result<SeenRoom, &'static str>>);

#[derive(Clone)]
struct SeenRoom {
    row: RoomRow,
    /// Whether somebody of the origin is or was in it.
    takes_part: bool,
    /// Why no more may wait.
    full: [Option<&'static str>; 2],
}

impl Inbound {
    pub(super) async fn look_at(
        &self,
        rooms: &mut RoomsSeen,
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
        let mut db = self.store.read().await?;
        let seen = rooms.room(&mut db, origin, &room_id).await?;
        let (version, seen) = match seen {
            Ok(seen) => (seen.row.version.clone(), Some(seen)),
            Err(reason) => match withdrawal(&mut db, &room_id, &object).await? {
                Some(room) => (room.version, None),
                // Its id depends on a room version that we do not know; the newest ones agree on it.
                None => return refuse(id_of(&object, &RoomVersionId::V11), reason),
            },
        };
        let Some(event_id) = id_of(&object, &version) else { return refuse(None, "it has no id") };
        if pdu.get().len() > PDU_BYTES {
            return refuse(Some(event_id), "The event is larger than 65,536 bytes");
        }
        let lane = match &seen {
            Some(seen) => {
                if is_known(&mut db, &seen.row, &event_id).await? {
                    return Ok(Ok(Look { event_id, stage: None }));
                }
                drop(db);
                match self.lane(origin, seen, &version, &object).await? {
                    Ok(lane) => lane,
                    Err(reason) => return refuse(Some(event_id), &reason),
                }
            }
            None => {
                let count = db.staged_count(room_id.as_str(), Lane::Ready, origin.server_name.as_str()).await?;
                if count.origin >= OF_ONE_STRANGER || count.everywhere >= EVERYWHERE {
                    return refuse(Some(event_id), "Too many events of your server wait here");
                }
                Lane::Ready
            }
        };
        let stage = Some(Staged { room_id, lane, event_id: event_id.clone(), json: pdu.get().to_owned() });
        Ok(Ok(Look { event_id, stage }))
    }

    /// Where the event waits; or why not at all.
    async fn lane(
        &self,
        origin: &Origin,
        seen: &SeenRoom,
        version: &RoomVersionId,
        object: &CanonicalJsonObject,
    ) -> Result<Result<Lane, String>, StoreError> {
        let sender = object.get("sender").and_then(CanonicalJsonValue::as_str);
        let own = sender
            .and_then(|sender| OwnedUserId::try_from(sender).ok())
            .is_some_and(|sender| sender.server_name() == origin.server_name);
        // Its join may be on its way to us through another server.
        if !seen.takes_part && !own {
            return Ok(Err("Your server is not in the room".to_owned()));
        }
        let Some(rules) = versions::rules(version) else {
            return Ok(Err("This room version is not supported".to_owned()));
        };
        let verified = match self.federation.keyring.verify_at_hand(&rules, object).await {
            Ok(verified) => verified.is_some(),
            Err(VerifyError::Store(error)) => return Err(error),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let lane = if verified && seen.takes_part { Lane::Ready } else { Lane::Doubtful };
        let [ready, doubtful] = seen.full;
        let full = if lane == Lane::Ready { ready } else { doubtful };
        Ok(full.map_or(Ok(lane), |full| Err(full.to_owned())))
    }
}

impl RoomsSeen {
    async fn room(
        &mut self,
        db: &mut Db,
        origin: &Origin,
        room_id: &RoomId,
    ) -> Result<Result<SeenRoom, &'static str>, StoreError> {
        if let Some(seen) = self.0.get(room_id) {
            return Ok(seen.clone());
        }
        let seen = match db.room_by_id(room_id).await? {
            None => Err("This server is not in the room"),
            Some(room) if !db.server_is_joined(room.sn, ServerSn::OURS).await? => Err("This server is not in the room"),
            Some(room) if is_denied(db, room.sn, &origin.server_name).await? => {
                Err("The room's access list denies your server")
            }
            Some(row) => {
                let takes_part = db.server_has_members(row.sn, origin.server).await?;
                let full = full(db, room_id, origin, takes_part).await?;
                Ok(SeenRoom { row, takes_part, full })
            }
        };
        self.0.insert(room_id.to_owned(), seen.clone());
        Ok(seen)
    }
}

/// Why no more may wait, in each lane.
async fn full(
    db: &mut Db,
    room_id: &RoomId,
    origin: &Origin,
    takes_part: bool,
) -> Result<[Option<&'static str>; 2], StoreError> {
    let name = origin.server_name.as_str();
    let mut ready = db.staged_count(room_id.as_str(), Lane::Ready, name).await?;
    // Those that turned out to lack something were ready too.
    let lacking = db.staged_count(room_id.as_str(), Lane::Lacking, name).await?;
    ready.room += lacking.room;
    ready.origin += lacking.origin;
    let doubtful = db.staged_count(room_id.as_str(), Lane::Doubtful, name).await?;
    let (room, one) = if takes_part { (DOUBTFUL, DOUBTFUL_OF_ONE) } else { (OF_STRANGERS, OF_ONE_STRANGER) };
    let why = |count: i64, most: i64, of_one: i64, most_of_one: i64| {
        if of_one >= most_of_one || ready.everywhere >= EVERYWHERE {
            Some("Too many events of your server wait here")
        } else if count >= most {
            Some("Too many events of the room wait here")
        } else {
            None
        }
    };
    Ok([why(ready.room, READY, ready.origin, READY_OF_ONE), why(doubtful.room, room, doubtful.origin, one)])
}

/// Whether there is nothing more to do for an event of this room.
async fn is_known(db: &mut Db, room: &RoomRow, event_id: &EventId) -> Result<bool, StoreError> {
    Ok(match db.event(event_id).await? {
        None => false,
        Some(stored) if stored.position.is_some() || stored.standing != Standing::Accepted => true,
        // State that another event rests on still has its place on the timeline before it, unless it is older than our time here.
        Some(stored) => stored.depth < db.oldest_live_depth(room.sn).await?,
    })
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

fn id_of(object: &CanonicalJsonObject, version: &RoomVersionId) -> Option<OwnedEventId> {
    let hash = reference_hash(object, &version.rules()?).ok()?;
    EventId::parse(format!("${hash}")).ok()
}
