//! What follows from an accepted event: current state, members, relations, redactions, push counts, what services are owed.

use std::collections::BTreeMap;

use ruma::{EventId, OwnedEventId, UserId, events::TimelineEventType, room_version_rules::RoomVersionRules};
use serde::Deserialize;

use crate::{
    domain::{
        appservices::{Appservices, OwedTo},
        encryption,
        events::{Pdu, redact::redacted_json},
        push::{Push, PushedEvent},
    },
    store::{
        Departure, EventSn, KeySn, LocalMembership, Membership, Position, RoomSn, ServerSn, StoreError, Tx, UserSn,
    },
};

use super::upgrade::carry_over::carry_over;

#[derive(Deserialize)]
struct MemberContent {
    membership: String,
    displayname: Option<serde_json::Value>,
    avatar_url: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Body {
    content: serde_json::Value,
}

/// Who hears that somebody came or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// Everybody's coming and going counts.
    Everybody,
    /// A whole state arrived with our own join: only local users came.
    LocalOnly,
}

/// The room's state now changes at `position`.
pub(super) async fn change_state(
    tx: &mut Tx,
    room: RoomSn,
    position: Position,
    changes: &BTreeMap<KeySn, Option<EventSn>>,
    tell: Tell,
) -> Result<(), StoreError> {
    let before = tx.room(room).await?.snapshot;
    let snapshot = tx.state_with(room, before, changes).await?;
    tx.set_room_snapshot(room, snapshot).await?;
    let mut moved = Vec::new();
    for (key, event) in changes {
        tx.change_current_state(room, position, *key, *event).await?;
        let (kind, state_key) = tx.state_key(*key).await?;
        if kind == "m.room.member"
            && let Ok(user_id) = UserId::parse(&state_key)
        {
            moved.extend(change_member(tx, room, position, &user_id, *event, tell).await?);
        }
    }
    // Only now: who sees whom depends on all the members.
    for (user, was, is) in moved {
        came_or_left(tx, room, user, was, is).await?;
    }
    Ok(())
}

/// Writes a member's row; answers whose coming or going is to be told, with the membership before and now.
async fn change_member(
    tx: &mut Tx,
    room: RoomSn,
    position: Position,
    user_id: &UserId,
    event: Option<EventSn>,
    tell: Tell,
) -> Result<Option<(UserSn, Membership, Membership)>, StoreError> {
    let user = tx.make_user_sn(user_id).await?;
    let was = tx.member(room, user).await?.map_or(Membership::Leave, |member| member.membership);
    let mut is = Membership::Leave;
    match event {
        Some(event) => {
            let stored = tx.event_by_sn(event).await?.ok_or(StoreError::Damaged("a member event without a body"))?;
            let content = serde_json::from_str::<Body>(&stored.json)
                .ok()
                .and_then(|body| serde_json::from_value::<MemberContent>(body.content).ok());
            is = content.as_ref().map_or(Membership::Leave, |content| Membership::parse(&content.membership));
            let text = |value: Option<serde_json::Value>| value.and_then(|value| value.as_str().map(str::to_owned));
            let (name, avatar) =
                content.map(|content| (text(content.displayname), text(content.avatar_url))).unwrap_or_default();
            tx.put_member(room, user_id, is, event, name.as_deref(), avatar.as_deref()).await?;
        }
        None => tx.remove_member(room, user).await?,
    }
    let local = tx.server_sn(user_id.server_name()).await? == Some(ServerSn::OURS);
    if local {
        change_local_member(tx, room, position, user, is, event).await?;
    }
    Ok((local || tell == Tell::Everybody).then_some((user, was, is)))
}

/// What follows when somebody comes or leaves: for encryption, and from a room that this one replaced.
async fn came_or_left(
    tx: &mut Tx,
    room: RoomSn,
    user: UserSn,
    was: Membership,
    is: Membership,
) -> Result<(), StoreError> {
    match (was, is) {
        (Membership::Join, Membership::Join) => Ok(()),
        (_, Membership::Join) => {
            encryption::joined(tx, room, user).await?;
            if tx.server_sn_of_user(user).await? == ServerSn::OURS {
                carry_over(tx, room, user).await?;
            }
            Ok(())
        }
        (Membership::Join, _) => encryption::left(tx, room, user).await,
        _ => Ok(()),
    }
}

async fn change_local_member(
    tx: &mut Tx,
    room: RoomSn,
    position: Position,
    user: UserSn,
    membership: Membership,
    event: Option<EventSn>,
) -> Result<(), StoreError> {
    let old = tx.local_membership(user, room).await?;
    let joined_position = match (membership, old.as_ref().map(|old| old.membership)) {
        (Membership::Join, Some(Membership::Join)) => old.as_ref().and_then(|old| old.joined_position),
        (Membership::Join, _) => Some(position),
        _ => old.as_ref().and_then(|old| old.joined_position),
    };
    let departure = match (membership, &old) {
        (Membership::Join, _) | (_, None) => Departure::default(),
        (_, Some(old)) if old.membership == Membership::Join => Departure { position: Some(position), event },
        (_, Some(old)) => old.departure,
    };
    let stripped_state = match membership {
        Membership::Invite | Membership::Knock => Some(super::stripped::of_room(tx, room, event).await?),
        _ => None,
    };
    let forgotten = old.is_some_and(|old| old.forgotten) && matches!(membership, Membership::Leave | Membership::Ban);
    tx.put_local_membership(&LocalMembership {
        user_sn: user,
        room_sn: room,
        membership,
        event_sn: event,
        position,
        joined_position,
        departure,
        stripped_state,
        invite_event: None,
        forgotten,
    })
    .await
}

#[derive(Deserialize)]
struct Relating {
    #[serde(rename = "m.relates_to")]
    relates_to: RelatesTo,
}

#[derive(Deserialize)]
struct RelatesTo {
    rel_type: String,
    event_id: OwnedEventId,
    key: Option<String>,
}

/// The event's relation as clients declared it.
pub(super) fn relation(event: &Pdu) -> Option<(String, OwnedEventId, Option<String>)> {
    let relates_to = event.content_as::<Relating>()?.relates_to;
    Some((relates_to.rel_type, relates_to.event_id, relates_to.key))
}

/// Notes what the event relates to.
pub(super) async fn relate(tx: &mut Tx, room: RoomSn, sn: EventSn, event: &Pdu) -> Result<(), StoreError> {
    if event.state_key.is_none()
        && let Some((rel_type, target, key)) = relation(event)
    {
        tx.put_relation(sn, room, &target, &rel_type, key.as_deref()).await?;
    }
    Ok(())
}

/// Redacts what the event names.
pub(super) async fn redact(
    tx: &mut Tx,
    room: RoomSn,
    sn: EventSn,
    event: &Pdu,
    rules: &RoomVersionRules,
) -> Result<(), StoreError> {
    if let Some(target) = event.redaction_target(rules) {
        match tx.event(&target).await? {
            Some(stored) if stored.room == room => apply(tx, room, sn, &target, rules).await?,
            Some(_) => {}
            None => tx.put_pending_redaction(room, &target, sn).await?,
        }
    }
    Ok(())
}

/// Redacts the event where a redaction names it that came earlier, as none can of an event made here.
pub(super) async fn redact_at_last(
    tx: &mut Tx,
    room: RoomSn,
    event: &Pdu,
    rules: &RoomVersionRules,
) -> Result<(), StoreError> {
    for redaction in tx.take_pending_redactions(room, &event.event_id).await? {
        apply(tx, room, redaction, &event.event_id, rules).await?;
    }
    Ok(())
}

/// A redaction takes effect when its sender may redact, or is of the server whose user sent the target.
async fn apply(
    tx: &mut Tx,
    room: RoomSn,
    redaction: EventSn,
    target: &EventId,
    rules: &RoomVersionRules,
) -> Result<(), StoreError> {
    let (Some(redaction), Some(target)) = (tx.event_by_sn(redaction).await?, tx.event(target).await?) else {
        return Ok(());
    };
    if target.redacted_by.is_some() {
        return Ok(());
    }
    let sender = tx.user_id(redaction.sender).await?;
    let author = tx.user_id(target.sender).await?;
    let allowed =
        sender.server_name() == author.server_name() || super::view::may_redact(tx, room, &sender, rules).await?;
    if allowed && let Some(json) = redacted_json(&target.json, rules) {
        tx.redact(target.sn, redaction.sn, &json).await?;
    }
    Ok(())
}

/// Push rules decide for each of the local `members` what the event is to them.
pub(super) async fn notify(
    tx: &mut Tx,
    push: &Push,
    room: RoomSn,
    sn: EventSn,
    position: Position,
    event: &Pdu,
    members: &[UserSn],
) -> Result<(), StoreError> {
    let sender = tx.make_user_sn(&event.sender).await?;
    let invited = match event.content_as::<MemberContent>() {
        Some(content) if event.kind.to_string() == "m.room.member" && content.membership == "invite" => {
            let target = event.state_key.as_deref().and_then(|key| UserId::parse(key).ok());
            match target {
                Some(target) if tx.server_sn(target.server_name()).await? == Some(ServerSn::OURS) => {
                    tx.user_sn(&target).await?
                }
                _ => None,
            }
        }
        _ => None,
    };
    let users: Vec<UserSn> = members.iter().copied().chain(invited).filter(|user| *user != sender).collect();
    if users.is_empty() {
        return Ok(());
    }
    let row = tx.room(room).await?;
    let pushed = PushedEvent {
        room,
        room_id: &row.room_id,
        version: &row.version,
        event: sn,
        event_id: event.event_id.as_str(),
        position,
        sender: &event.sender,
        json: &event.json,
        users: &users,
        partial: row.partial,
    };
    push.evaluate(tx, pushed).await
}

/// Notes the event for the application services that it concerns.
pub(super) async fn tell_appservices(
    tx: &mut Tx,
    appservices: &Appservices,
    room: RoomSn,
    sn: EventSn,
    position: Position,
    event: &Pdu,
) -> Result<(), StoreError> {
    let about = event.state_key.as_deref().filter(|_| event.kind == TimelineEventType::RoomMember);
    let about = about.and_then(|key| UserId::parse(key).ok());
    let owed =
        OwedTo { room, room_id: &event.room_id, event: sn, position, sender: &event.sender, member: about.as_deref() };
    appservices.owe(tx, owed).await
}
