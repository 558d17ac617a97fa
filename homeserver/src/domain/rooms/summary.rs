//! What a room shows of itself to those outside: for directories, previews and space trees.

use ruma::{
    EventEncryptionAlgorithm, OwnedMxcUri, OwnedRoomAliasId, OwnedRoomId, UInt, UserId,
    room::{JoinRule, JoinRuleSummary, RoomSummary, RoomType},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    domain::federation::Origin,
    store::{Db, Membership, RoomRow, RoomSn, ServerSn, StoreError, UserSn},
};

use super::LocalUser;

/// A summary, and whether other servers may know of the room.
pub struct Shown {
    pub summary: RoomSummary,
    pub federates: bool,
}

/// Who wants to know of a room.
#[derive(Clone, Copy)]
pub enum Asker<'a> {
    Nobody,
    User(&'a LocalUser),
    Server(&'a Origin),
}

#[derive(Deserialize)]
struct Body {
    content: Value,
}

/// The summary of a room that this server is in; `None` of one that it is not in, or does not know whole yet.
pub(in crate::domain) async fn of_room(db: &mut Db, room: &RoomRow) -> Result<Option<Shown>, StoreError> {
    if room.snapshot.is_none() || room.partial || !db.server_is_joined(room.sn, ServerSn::OURS).await? {
        return Ok(None);
    }
    let members = db.member_count(room.sn, Membership::Join).await?;
    let members = UInt::try_from(u64::try_from(members).unwrap_or_default()).unwrap_or(UInt::MAX);
    // Rooms are closed unless they say otherwise.
    let mut summary = RoomSummary::new(room.room_id.clone(), JoinRuleSummary::Invite, false, members, false);
    summary.room_version = Some(room.version.clone());
    let mut federates = true;
    for (kind, json) in db.summary_state(room.sn).await? {
        let Ok(Body { content }) = serde_json::from_str::<Body>(&json) else { continue };
        let text = |field: &str| content.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        match kind.as_str() {
            "m.room.create" => {
                summary.room_type = text("type").map(RoomType::from);
                federates = content.get("m.federate").and_then(Value::as_bool).unwrap_or(true);
            }
            "m.room.name" => summary.name = text("name").map(str::to_owned),
            "m.room.topic" => summary.topic = topic(&content),
            "m.room.avatar" => summary.avatar_url = text("url").map(OwnedMxcUri::from),
            "m.room.canonical_alias" => {
                summary.canonical_alias = text("alias").and_then(|alias| OwnedRoomAliasId::try_from(alias).ok());
            }
            "m.room.join_rules" => summary.join_rule = join_rule(content),
            "m.room.history_visibility" => {
                summary.world_readable = text("history_visibility") == Some("world_readable");
            }
            "m.room.guest_access" => summary.guest_can_join = text("guest_access") == Some("can_join"),
            "m.room.encryption" => summary.encryption = text("algorithm").map(EventEncryptionAlgorithm::from),
            _ => {}
        }
    }
    Ok(Some(Shown { summary, federates }))
}

/// Whether the room may be shown: the asker is in it, is invited, could join or knock, or everybody reads it.
pub(in crate::domain) async fn may_be_shown(
    db: &mut Db,
    asker: Asker<'_>,
    summary: &RoomSummary,
) -> Result<bool, StoreError> {
    let room = db.room_sn(&summary.room_id).await?;
    match (asker, room) {
        (Asker::User(user), Some(room)) => match membership(db, user.user, room).await? {
            Some(Membership::Join | Membership::Invite) => return Ok(true),
            Some(Membership::Ban) => return Ok(summary.world_readable),
            _ => {}
        },
        (Asker::Server(origin), Some(room)) if db.server_may_enter(room, origin.server).await? => return Ok(true),
        _ => {}
    }
    if is_open(summary) {
        return Ok(true);
    }
    for allowed in allowed_rooms(&summary.join_rule) {
        let meets = match asker {
            Asker::Nobody => false,
            Asker::User(user) => is_in(db, &allowed, &user.user_id).await?,
            Asker::Server(origin) => match db.room_sn(&allowed).await? {
                Some(room) => db.server_is_joined(room, origin.server).await?,
                None => false,
            },
        };
        if meets {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The user's own view of a room, when they have one.
pub(super) async fn membership(db: &mut Db, user: UserSn, room: RoomSn) -> Result<Option<Membership>, StoreError> {
    Ok(db.local_membership(user, room).await?.map(|mine| mine.membership))
}

async fn is_in(db: &mut Db, room_id: &OwnedRoomId, user_id: &UserId) -> Result<bool, StoreError> {
    db.is_joined(room_id, user_id).await
}

/// Anybody may join, knock or read.
fn is_open(summary: &RoomSummary) -> bool {
    let rules = summary.room_version.as_ref().and_then(|version| version.rules());
    let knows = |rule: fn(&ruma::room_version_rules::AuthorizationRules) -> bool| {
        rules.as_ref().is_none_or(|rules| rule(&rules.authorization))
    };
    let enters = match summary.join_rule {
        JoinRuleSummary::Public => true,
        JoinRuleSummary::Knock => knows(|rules| rules.knocking),
        JoinRuleSummary::KnockRestricted(_) => knows(|rules| rules.knock_restricted_join_rule),
        _ => false,
    };
    enters || summary.world_readable
}

/// Rooms whose members may join.
fn allowed_rooms(rule: &JoinRuleSummary) -> Vec<OwnedRoomId> {
    match rule {
        JoinRuleSummary::Restricted(rule) | JoinRuleSummary::KnockRestricted(rule) => {
            rule.allowed_room_ids.iter().take(100).cloned().collect()
        }
        _ => Vec::new(),
    }
}

/// A rule that we do not know lets nobody in.
fn join_rule(content: Value) -> JoinRuleSummary {
    let rule = serde_json::from_value::<JoinRule>(content).map_or(JoinRuleSummary::Invite, JoinRuleSummary::from);
    if known(&rule) { rule } else { JoinRuleSummary::Invite }
}

/// Whether the rule is one of the specification's.
pub(super) fn known(rule: &JoinRuleSummary) -> bool {
    matches!(
        rule,
        JoinRuleSummary::Invite
            | JoinRuleSummary::Knock
            | JoinRuleSummary::Private
            | JoinRuleSummary::Restricted(_)
            | JoinRuleSummary::KnockRestricted(_)
            | JoinRuleSummary::Public
    )
}

/// The plain text among the topic's representations, or the topic of clients that know only one.
pub(super) fn topic(content: &Value) -> Option<String> {
    let texts = content.pointer("/m.topic/m.text").and_then(Value::as_array).into_iter().flatten();
    let plain =
        texts.filter(|text| text.get("mimetype").and_then(Value::as_str).unwrap_or("text/plain") == "text/plain");
    let body = plain.filter_map(|text| text.get("body").and_then(Value::as_str)).next();
    body.or_else(|| content.get("topic").and_then(Value::as_str)).filter(|text| !text.is_empty()).map(str::to_owned)
}
