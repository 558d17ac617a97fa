//! Upgrades: a room goes on as another one of a given version (Client-Server API, "Room Upgrades").

pub(super) mod carry_over;
mod power_levels;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
    events::{StateEventType, TimelineEventType},
    room_version_rules::RoomVersionRules,
};
use serde::Deserialize;

use crate::{
    domain::events::{build::Draft, versions},
    store::{Db, Durability, Membership, RoomRow, RoomSn, StoreError},
};

use super::{
    Rooms, RoomsError,
    graph::Graph,
    policy::asks_policy,
    send::{LocalUser, Own},
    view,
};

/// State that goes along, in the order in which it is sent. Power levels go first, by themselves.
const COPIED: [TimelineEventType; 8] = [
    TimelineEventType::RoomJoinRules,
    TimelineEventType::RoomHistoryVisibility,
    TimelineEventType::RoomGuestAccess,
    TimelineEventType::RoomServerAcl,
    TimelineEventType::RoomEncryption,
    TimelineEventType::RoomName,
    TimelineEventType::RoomAvatar,
    TimelineEventType::RoomTopic,
];

/// How often an upgrade is begun anew because the room went on while its policy server was asked.
const ATTEMPTS: usize = 5;
/// Bans that go along, the newest.
const BANS: i64 = 1000;

#[derive(Deserialize)]
struct Body {
    content: CanonicalJsonObject,
}

/// What the old room was, as far as the new one is made of it.
struct Old {
    room: RoomRow,
    rules: RoomVersionRules,
    create: CanonicalJsonObject,
    power_levels: Option<CanonicalJsonObject>,
    creators: Vec<OwnedUserId>,
    canonical_alias: Option<CanonicalJsonObject>,
    /// Aliases of this server.
    aliases: Vec<OwnedRoomAliasId>,
    /// Type, state key, content.
    copied: Vec<(TimelineEventType, String, CanonicalJsonObject)>,
    /// Who may not come in, and why.
    banned: Vec<(String, Option<CanonicalJsonValue>)>,
}

impl Rooms {
    /// Makes the room that takes the place of `room_id` and closes the old one. Who is in it joins the new room by themselves.
    pub async fn upgrade(
        &self,
        user: &LocalUser,
        room_id: &RoomId,
        version: RoomVersionId,
        additional_creators: &[OwnedUserId],
    ) -> Result<OwnedRoomId, RoomsError> {
        if !versions::STABLE.contains(&version) {
            return Err(RoomsError::UnsupportedVersion);
        }
        for _ in 0..ATTEMPTS {
            if let Some(new_id) = self.try_upgrade(user, room_id, &version, additional_creators).await? {
                return Ok(new_id);
            }
        }
        Err(RoomsError::Unreachable(
            "something else happened in the room whenever its policy server was asked".to_owned(),
        ))
    }

    /// `None`: the room went on while its policy server was asked about its end.
    async fn try_upgrade(
        &self,
        user: &LocalUser,
        room_id: &RoomId,
        version: &RoomVersionId,
        additional_creators: &[OwnedUserId],
    ) -> Result<Option<OwnedRoomId>, RoomsError> {
        let rules = versions::rules(version).ok_or(RoomsError::UnsupportedVersion)?;
        let mut turn = self.locks.lock(room_id).await;
        let (room, old_rules) = self.known(room_id).await?;
        let mut db = self.store.read().await?;
        if super::summary::membership(&mut db, user.user, room.sn).await? != Some(Membership::Join) {
            return Err(RoomsError::NotInRoom);
        }
        let levels = view::power_levels(&mut db, room.sn, &old_rules).await?;
        if !levels.user_can_send_state(&user.user_id, StateEventType::RoomTombstone) {
            return Err(RoomsError::Forbidden("You may not end this room".to_owned()));
        }
        let creators = levels.rules.privileged_creators.iter().flatten().cloned().collect();
        let old = read_old(&mut db, room, old_rules, creators).await?;
        let profile = CanonicalJsonObject::from_iter(db.member_profile(user.user).await?);

        let mut ending = Graph::of_room(&mut db, old.room.sn, room_id, old.rules.clone()).await?;
        let mut ended = Vec::new();
        let id_from_create = rules.authorization.room_create_event_id_as_room_id;
        let new_id = (!id_from_create).then(|| RoomId::new_v1(&self.server_name));
        let mut predecessor = CanonicalJsonObject::from([("room_id".to_owned(), room_id.to_string().into())]);
        if let Some(new_id) = &new_id {
            // The tombstone names the new room, and the new room the tombstone, where its id allows that.
            let tombstone = self.tombstone(user, new_id);
            let tombstone = ending.add(self, Some((&mut db, old.room.sn)), &tombstone).await?;
            predecessor.insert("event_id".to_owned(), tombstone.event_id.to_string().into());
            ended.push(tombstone);
        }
        let mut beginning = Graph::empty(new_id, rules.clone());
        let mut begun = Vec::new();
        let wish = New { user, version, rules: &rules, additional_creators, predecessor, profile };
        for (needed, draft) in self.new_room(&wish, &old) {
            match beginning.add(self, None, &draft).await {
                Ok(event) => begun.push(event),
                Err(RoomsError::Forbidden(reason)) if !needed => {
                    tracing::info!(%room_id, kind = %draft.kind, reason, "State of a room did not fit into its upgrade.");
                }
                Err(RoomsError::Forbidden(reason)) => return Err(RoomsError::InvalidRoomState(reason)),
                Err(error) => return Err(error),
            }
        }
        let new_id = beginning.room_id.ok_or_else(|| RoomsError::BadEvent("no room id was made".to_owned()))?;
        if id_from_create {
            let tombstone = self.tombstone(user, &new_id);
            ended.push(ending.add(self, Some((&mut db, old.room.sn)), &tombstone).await?);
        }
        for draft in self.closing(user, &old) {
            match ending.add(self, Some((&mut db, old.room.sn)), &draft).await {
                Ok(event) => ended.push(event),
                Err(RoomsError::Forbidden(reason)) => tracing::info!(%room_id, reason, "An old room stays open."),
                Err(error) => return Err(error),
            }
        }
        let asks = match ended.first() {
            Some(first) => asks_policy(&mut db, old.room.sn, first).await?,
            None => false,
        };
        drop(db);
        if asks {
            drop(turn);
            let mut signed = Vec::with_capacity(ended.len());
            for event in ended {
                signed.push(self.signed_by_policy(old.room.sn, &old.rules, event).await?);
            }
            ended = signed;
            turn = self.locks.lock(room_id).await;
            if let Some(first) = ended.first()
                && !self.is_as_it_was(&old.room, first).await?
            {
                return Ok(None);
            }
        }
        for event in begun.iter().chain(&ended) {
            self.cache.put(event);
        }
        let made = |event| Own { event, transaction: None };
        let (begun, ended) = (begun.into_iter().map(made).collect(), ended.into_iter().map(made).collect());
        self.write_upgrade(old, ended, (new_id.clone(), version.clone(), rules), begun).await?;
        drop(turn);
        Ok(Some(new_id))
    }

    /// Both rooms change together, and the aliases with them.
    async fn write_upgrade(
        &self,
        old: Old,
        ended: Vec<Own>,
        new: (OwnedRoomId, RoomVersionId, RoomVersionRules),
        begun: Vec<Own>,
    ) -> Result<(), RoomsError> {
        let own = self.own_events();
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    let (new_id, version, rules) = new;
                    // The old room first: whoever enters the new one takes along what they had in the old one.
                    own.write(tx, old.room.sn, old.room.snapshot, &old.rules, ended).await?;
                    let room = tx.make_room(&new_id, &version).await?;
                    own.write(tx, room, None, &rules, begun).await?;
                    tx.move_aliases(old.room.sn, room).await?;
                    if old.room.published {
                        tx.set_published(old.room.sn, false).await?;
                        tx.set_published(room, true).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }

    fn tombstone(&self, user: &LocalUser, new_id: &RoomId) -> Draft {
        let content = CanonicalJsonObject::from([
            ("body".to_owned(), "This room has been replaced".to_owned().into()),
            ("replacement_room".to_owned(), new_id.to_string().into()),
        ]);
        state(user, TimelineEventType::RoomTombstone, "", content, self.clock.now_ms())
    }

    /// The new room's events in the order of `/createRoom`; the first of each pair says whether the room cannot be without it.
    fn new_room(&self, new: &New<'_>, old: &Old) -> Vec<(bool, Draft)> {
        let (user, rules) = (new.user, new.rules);
        let timestamp = self.next_created_ts();
        let draft = |kind, state_key: &str, content| state(user, kind, state_key, content, timestamp);
        let mut create = CanonicalJsonObject::new();
        for field in ["type", "m.federate"] {
            if let Some(value) = old.create.get(field) {
                create.insert(field.to_owned(), value.clone());
            }
        }
        create.insert("room_version".to_owned(), new.version.to_string().into());
        create.insert("predecessor".to_owned(), CanonicalJsonValue::Object(new.predecessor.clone()));
        if !rules.authorization.use_room_create_sender {
            create.insert("creator".to_owned(), user.user_id.to_string().into());
        }
        let mut creators = vec![user.user_id.clone()];
        if rules.authorization.additional_room_creators {
            let mut more: Vec<OwnedUserId> = Vec::new();
            for creator in new.additional_creators {
                if !more.contains(creator) && *creator != user.user_id {
                    more.push(creator.clone());
                }
            }
            if !more.is_empty() {
                let more = more.iter().map(|creator| creator.to_string().into()).collect();
                create.insert("additional_creators".to_owned(), CanonicalJsonValue::Array(more));
            }
            creators.extend(more);
        }
        let mut member = new.profile.clone();
        member.insert("membership".to_owned(), "join".to_owned().into());
        let levels = power_levels::levels(old.power_levels.clone(), &old.creators, &creators, rules);
        let mut drafts = vec![
            (true, draft(TimelineEventType::RoomCreate, "", create)),
            (true, draft(TimelineEventType::RoomMember, user.user_id.as_str(), member)),
            (true, draft(TimelineEventType::RoomPowerLevels, "", levels.first)),
        ];
        if let Some(content) = old.canonical_alias.as_ref().and_then(|content| aliases_of(content, &old.aliases, true))
        {
            drafts.push((false, draft(TimelineEventType::RoomCanonicalAlias, "", content)));
        }
        for (kind, state_key, content) in &old.copied {
            let content = match kind {
                TimelineEventType::RoomJoinRules => join_rules(content.clone(), rules),
                _ => content.clone(),
            };
            drafts.push((false, draft(kind.clone(), state_key, content)));
        }
        for (user_id, reason) in &old.banned {
            let mut content = CanonicalJsonObject::from([("membership".to_owned(), "ban".to_owned().into())]);
            content.extend(reason.clone().map(|reason| ("reason".to_owned(), reason)));
            drafts.push((false, draft(TimelineEventType::RoomMember, user_id, content)));
        }
        drafts.extend(levels.last.map(|content| (false, draft(TimelineEventType::RoomPowerLevels, "", content))));
        drafts
    }

    /// What closes the old room: its aliases are gone, nobody speaks or invites there any more.
    fn closing(&self, user: &LocalUser, old: &Old) -> Vec<Draft> {
        let now = self.clock.now_ms();
        let draft = |kind, content| state(user, kind, "", content, now);
        let aliases = old.canonical_alias.as_ref().filter(|_| !old.aliases.is_empty());
        let aliases = aliases.map(|content| aliases_of(content, &old.aliases, false).unwrap_or_default());
        let aliases = aliases.filter(|content| Some(content) != old.canonical_alias.as_ref());
        let levels = old.power_levels.as_ref().and_then(power_levels::closed);
        aliases
            .map(|content| draft(TimelineEventType::RoomCanonicalAlias, content))
            .into_iter()
            .chain(levels.map(|content| draft(TimelineEventType::RoomPowerLevels, content)))
            .collect()
    }
}

/// What the new room shall be.
struct New<'a> {
    user: &'a LocalUser,
    version: &'a RoomVersionId,
    rules: &'a RoomVersionRules,
    additional_creators: &'a [OwnedUserId],
    predecessor: CanonicalJsonObject,
    profile: CanonicalJsonObject,
}

async fn read_old(
    db: &mut Db,
    room: RoomRow,
    rules: RoomVersionRules,
    creators: Vec<OwnedUserId>,
) -> Result<Old, RoomsError> {
    let create = content(db, room.sn, "m.room.create").await?.unwrap_or_default();
    let mut copied = Vec::new();
    for kind in COPIED {
        if let Some(content) = content(db, room.sn, &kind.to_string()).await? {
            copied.push((kind, String::new(), content));
        }
    }
    if create.get("type").and_then(CanonicalJsonValue::as_str) == Some("m.space") {
        for event in db.current_state_of_type(room.sn, "m.space.child").await? {
            #[derive(Deserialize)]
            struct Child {
                state_key: String,
                content: CanonicalJsonObject,
            }
            if let Ok(child) = serde_json::from_str::<Child>(&event.json)
                && child.content.contains_key("via")
            {
                copied.push((TimelineEventType::SpaceChild, child.state_key, child.content));
            }
        }
    }
    let mut banned = Vec::new();
    for (user_id, json) in db.newest_bans(room.sn, BANS).await? {
        let ban: Body = serde_json::from_str(&json).map_err(|_| StoreError::Damaged("a member event"))?;
        banned.push((user_id, ban.content.get("reason").cloned()));
    }
    Ok(Old {
        create,
        creators,
        banned,
        power_levels: content(db, room.sn, "m.room.power_levels").await?,
        canonical_alias: content(db, room.sn, "m.room.canonical_alias").await?,
        aliases: db.aliases(room.sn).await?,
        copied,
        room,
        rules,
    })
}

async fn content(db: &mut Db, room: RoomSn, kind: &str) -> Result<Option<CanonicalJsonObject>, StoreError> {
    let event = db.current_state_event(room, kind, "").await?;
    Ok(event.and_then(|event| serde_json::from_str::<Body>(&event.json).ok()).map(|body| body.content))
}

fn state(
    user: &LocalUser,
    kind: TimelineEventType,
    state_key: &str,
    content: CanonicalJsonObject,
    timestamp: i64,
) -> Draft {
    let state_key = Some(state_key.to_owned());
    Draft { kind, sender: user.user_id.clone(), state_key, content, redacts: None, timestamp }
}

/// The canonical-alias event with only the aliases that are `among` some, or only the others; `None` when none is left.
fn aliases_of(content: &CanonicalJsonObject, some: &[OwnedRoomAliasId], among: bool) -> Option<CanonicalJsonObject> {
    let stays = |alias: &CanonicalJsonValue| {
        alias.as_str().is_some_and(|alias| some.iter().any(|one| one.as_str() == alias) == among)
    };
    let mut left = CanonicalJsonObject::new();
    if let Some(alias) = content.get("alias").filter(|alias| stays(alias)) {
        left.insert("alias".to_owned(), alias.clone());
    }
    let others = content.get("alt_aliases").and_then(CanonicalJsonValue::as_array).into_iter().flatten();
    let others: Vec<CanonicalJsonValue> = others.filter(|alias| stays(alias)).cloned().collect();
    if !others.is_empty() {
        left.insert("alt_aliases".to_owned(), CanonicalJsonValue::Array(others));
    }
    (!left.is_empty()).then_some(left)
}

/// Rules that the new version does not know become the nearest stricter one.
fn join_rules(mut content: CanonicalJsonObject, rules: &RoomVersionRules) -> CanonicalJsonObject {
    let rules = &rules.authorization;
    let rule = content.get("join_rule").and_then(CanonicalJsonValue::as_str).unwrap_or_default();
    let rule = match rule {
        "knock_restricted" if !rules.knock_restricted_join_rule && rules.restricted_join_rule => "restricted",
        "knock_restricted" if !rules.knock_restricted_join_rule => "invite",
        "restricted" if !rules.restricted_join_rule => "invite",
        "knock" if !rules.knocking => "invite",
        rule => rule,
    };
    let rule = CanonicalJsonValue::from(rule.to_owned());
    content.insert("join_rule".to_owned(), rule);
    content
}
