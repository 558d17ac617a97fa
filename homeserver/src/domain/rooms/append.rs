//! Writing accepted events: the event, the state it makes, and everything that follows, in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{OwnedEventId, UserId, events::TimelineEventType, room_version_rules::RoomVersionRules};

use crate::{
    domain::{appservices::Appservices, events::Pdu, push::Push},
    store::{
        EventSn, KeySn, Membership, NewEvent, Position, PutEvent, RoomSn, ServerSn, SnapshotSn, Standing, StoreError,
        Tx, UserSn,
    },
};

use super::{consequences, searchable};

/// An event that passed the checks, ready to be written.
pub(super) struct Accepted {
    pub event: Arc<Pdu>,
    pub rules: RoomVersionRules,
    /// State before the event; `None` for the first of a room.
    pub before: Option<SnapshotSn>,
    /// How the room's state now changes besides the event itself: what resolution brought.
    pub resolved: Option<BTreeMap<KeySn, Option<EventSn>>>,
    pub owed: Owed,
    /// Parents that are not here: a hole is left before the event.
    pub missing: Vec<OwnedEventId>,
    /// Device and transaction id of the local sender.
    pub transaction: Option<(UserSn, String, String)>,
    pub push: Push,
    pub appservices: Appservices,
}

/// Which other servers of the room are to be told of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// It was made here.
    All,
    /// It did not come by a transaction: only these know it already.
    AllBut(Vec<ServerSn>),
    /// Its own server tells them.
    Nobody,
}

/// What was written.
pub(super) struct Written {
    /// State after the event.
    pub after: Option<SnapshotSn>,
}

/// Writes an event at the end of the room's timeline.
pub(super) async fn append(tx: &mut Tx, room: RoomSn, accepted: &Accepted) -> Result<Written, StoreError> {
    let event = &accepted.event;
    let before_servers = tx.joined_servers(room).await?;
    let outside = if accepted.owed == Owed::All { sent_away(tx, room, event).await? } else { None };
    let position =
        if accepted.missing.is_empty() { tx.next_position() } else { tx.next_position_after_hole(room).await? };
    let PutEvent { sn, parents, .. } =
        put_rows(tx, room, event, Standing::Accepted, Some(position), accepted.before).await?;
    if searchable::has_text(event) {
        tx.wake_indexing();
    }
    tx.extend_graph(room, sn, &parents).await?;
    for missing in &accepted.missing {
        let missing = tx.make_event_sn(room, missing).await?;
        tx.add_backward_extremity(room, missing, sn).await?;
    }

    let own_entry = match &event.state_key {
        Some(state_key) => Some((tx.make_key_sn(&event.kind.to_string(), state_key).await?, Some(sn))),
        None => None,
    };
    let after = match own_entry {
        Some((key, entry)) => Some(tx.state_with(room, accepted.before, &BTreeMap::from([(key, entry)])).await?),
        None => accepted.before,
    };
    if let Some(state_key) = &event.state_key {
        let sender = tx.make_user_sn(&event.sender).await?;
        tx.cancel_delayed_state(room, &event.kind.to_string(), state_key, sender).await?;
    }
    let changes = match &accepted.resolved {
        Some(resolved) => resolved.clone(),
        None => own_entry.into_iter().collect(),
    };
    if !changes.is_empty() {
        consequences::change_state(tx, room, position, &changes, consequences::Tell::Everybody).await?;
    }

    if let Some((user, device_id, txn_id)) = &accepted.transaction {
        tx.put_transaction_id(sn, *user, device_id, room, &event.kind.to_string(), txn_id).await?;
    }
    consequences::relate(tx, room, sn, event).await?;
    consequences::redact(tx, room, sn, event, &accepted.rules).await?;

    if accepted.owed != Owed::All {
        consequences::redact_at_last(tx, room, event, &accepted.rules).await?;
        owe_meanwhile(tx, room, position, &parents, &before_servers).await?;
    }
    if accepted.owed != Owed::Nobody {
        let mut servers = before_servers;
        if !changes.is_empty() {
            servers.extend(tx.joined_servers(room).await?);
        }
        servers.extend(outside);
        servers.sort();
        servers.dedup();
        if let Owed::AllBut(informed) = &accepted.owed {
            servers.retain(|server| !informed.contains(server));
        }
        tx.owe_event(room, position, sn, &servers).await?;
    }
    let members = tx.local_joined_members(room).await?;
    consequences::notify(tx, &accepted.push, room, sn, position, event, &members).await?;
    consequences::tell_appservices(tx, &accepted.appservices, room, sn, position, event).await?;
    for user in members {
        tx.wake_user(user);
    }
    Ok(Written { after })
}

/// The server of somebody who was invited or knocked and now is not let in: it may be none of the room's.
async fn sent_away(tx: &mut Tx, room: RoomSn, event: &Pdu) -> Result<Option<ServerSn>, StoreError> {
    if event.kind != TimelineEventType::RoomMember || event.state_key.as_deref() == Some(event.sender.as_str()) {
        return Ok(None);
    }
    let Some(target) = event.state_key.as_deref().and_then(|key| UserId::parse(key).ok()) else { return Ok(None) };
    let Some(user) = tx.user_sn(&target).await? else { return Ok(None) };
    let was = tx.member(room, user).await?.map(|member| member.membership);
    match was {
        Some(Membership::Invite | Membership::Knock) => Ok(tx.server_sn(target.server_name()).await?),
        _ => Ok(None),
    }
}

/// A server that comes in with this event is owed what our users said beside it: after the events that its join rests on, when it was
/// not there to be told, and before the join reached us.
async fn owe_meanwhile(
    tx: &mut Tx,
    room: RoomSn,
    position: Position,
    parents: &[EventSn],
    before: &[ServerSn],
) -> Result<(), StoreError> {
    let mut came = tx.joined_servers(room).await?;
    came.retain(|server| *server != ServerSn::OURS && !before.contains(server));
    if came.is_empty() {
        return Ok(());
    }
    for (event, said) in tx.own_events_beside(room, parents, position).await? {
        tx.owe_event(room, said, event, &came).await?;
    }
    Ok(())
}

/// Writes an event's rows and indexes its text, and nothing else that follows from it.
pub(super) async fn put(
    tx: &mut Tx,
    room: RoomSn,
    event: &Pdu,
    standing: Standing,
    position: Option<Position>,
    before: Option<SnapshotSn>,
) -> Result<PutEvent, StoreError> {
    let put = put_rows(tx, room, event, standing, position, before).await?;
    searchable::index(tx, &put, event).await?;
    Ok(put)
}

async fn put_rows(
    tx: &mut Tx,
    room: RoomSn,
    event: &Pdu,
    standing: Standing,
    position: Option<Position>,
    before: Option<SnapshotSn>,
) -> Result<PutEvent, StoreError> {
    let sender = tx.make_user_sn(&event.sender).await?;
    let new = NewEvent {
        room,
        event_id: &event.event_id,
        standing,
        position,
        depth: event.depth,
        event_type: &event.kind.to_string(),
        state_key: event.state_key.as_deref(),
        sender,
        origin_ts: i64::from(event.origin_server_ts.get()),
        snapshot: before,
        json: &event.json,
        prev_events: &event.prev_events,
        auth_events: &event.auth_events,
    };
    tx.put_event(&new).await
}
