//! Making rooms: the first events, in the order that the specification gives.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId, UserId,
    events::TimelineEventType, room_version_rules::RoomVersionRules,
};

use crate::{
    domain::events::{build::Draft, versions},
    store::{Db, Durability},
};

use super::{
    Rooms, RoomsError,
    directory::aliases_named,
    graph::Graph,
    invite_permission::takes_invites,
    send::{LocalUser, Own},
};

mod power_levels;

/// What a new room shall be.
#[derive(Clone, Debug, Default)]
pub struct NewRoom {
    pub version: Option<RoomVersionId>,
    pub creation_content: CanonicalJsonObject,
    pub preset: Preset,
    pub power_level_override: CanonicalJsonObject,
    /// Type, state key, content.
    pub initial_state: Vec<(TimelineEventType, String, CanonicalJsonObject)>,
    pub name: Option<String>,
    pub topic: Option<String>,
    pub alias: Option<OwnedRoomAliasId>,
    pub invite: Vec<OwnedUserId>,
    pub is_direct: bool,
    pub published: bool,
}

/// Who may come in, and who sees what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    #[default]
    PrivateChat,
    TrustedPrivateChat,
    PublicChat,
}

/// Most people invited at once.
const INVITES: usize = 100;

impl Rooms {
    /// Makes a room and invites people into it.
    pub async fn create(&self, creator: &LocalUser, room: NewRoom) -> Result<OwnedRoomId, RoomsError> {
        if room.invite.len() > INVITES {
            return Err(RoomsError::InvalidParam(format!("At most {INVITES} people can be invited at once")));
        }
        let version = room.version.clone().unwrap_or(versions::DEFAULT);
        if !versions::STABLE.contains(&version) {
            return Err(RoomsError::UnsupportedVersion);
        }
        let rules = versions::rules(&version).ok_or(RoomsError::UnsupportedVersion)?;
        let id_from_create = rules.authorization.room_create_event_id_as_room_id;
        let room_id = (!id_from_create).then(|| RoomId::new_v1(&self.server_name));
        let mut graph = Graph::empty(room_id, rules.clone());
        let mut events = Vec::new();
        let profile = {
            let mut db = self.store.read().await?;
            check(&mut db, &room, &rules).await?;
            db.member_profile(creator.user).await?
        };
        for draft in self.first_events(creator, &room, &version, &rules, profile) {
            let event = graph.add(self, None, &draft).await.map_err(|error| match error {
                RoomsError::Forbidden(reason) => {
                    RoomsError::InvalidRoomState(format!("{} cannot be sent: {reason}", draft.kind))
                }
                error => error,
            })?;
            events.push(Own { event, transaction: None });
        }
        let room_id = graph.room_id.clone().ok_or_else(|| RoomsError::BadEvent("no room id was made".to_owned()))?;
        for made in &events {
            self.cache.put(&made.event);
        }
        let (id, creator_sn, alias, published) = (room_id.clone(), creator.user, room.alias.clone(), room.published);
        let own = self.own_events();
        self.store
            .write::<_, RoomsError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    let room = tx.make_room(&id, &version).await?;
                    if let Some(alias) = alias
                        && !tx.put_alias(&alias, room, creator_sn).await?
                    {
                        return Err(RoomsError::AliasTaken);
                    }
                    if published {
                        tx.set_published(room, true).await?;
                    }
                    own.write(tx, room, None, &rules, events).await?;
                    Ok(())
                })
            })
            .await?;
        for user_id in &room.invite {
            // One person who cannot be invited does not undo the room.
            if let Err(error) = self.invite(creator, &room_id, user_id, None, room.is_direct).await {
                tracing::warn!(%room_id, %user_id, %error, "Someone could not be invited to a new room.");
            }
        }
        Ok(room_id)
    }

    /// Now, or later than every create event before: a room's id is the hash of its create event from version 12 on, and two rooms that one
    /// user makes alike at once must not be one.
    pub(super) fn next_created_ts(&self) -> i64 {
        let now = self.clock.now_ms();
        let step = |last: i64| Some(now.max(last.saturating_add(1)));
        let before = self.created_ts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).unwrap_or_else(|last| last);
        now.max(before.saturating_add(1))
    }

    fn first_events(
        &self,
        creator: &LocalUser,
        room: &NewRoom,
        version: &RoomVersionId,
        rules: &RoomVersionRules,
        profile: BTreeMap<String, CanonicalJsonValue>,
    ) -> Vec<Draft> {
        let timestamp = self.next_created_ts();
        let draft = |kind: TimelineEventType, state_key: &str, content: CanonicalJsonObject| Draft {
            kind,
            sender: creator.user_id.clone(),
            state_key: Some(state_key.to_owned()),
            content,
            redacts: None,
            timestamp,
        };
        let one = |key: &str, value: &str| CanonicalJsonObject::from([(key.to_owned(), value.to_owned().into())]);

        let mut create = room.creation_content.clone();
        create.insert("room_version".to_owned(), version.to_string().into());
        create.remove("creator");
        if !rules.authorization.use_room_create_sender {
            create.insert("creator".to_owned(), creator.user_id.to_string().into());
        }
        let privileged = rules.authorization.explicitly_privilege_room_creators;
        if privileged && room.preset == Preset::TrustedPrivateChat {
            power_levels::add_creators(&mut create, &room.invite);
        }
        let mut member = CanonicalJsonObject::from_iter(profile);
        member.insert("membership".to_owned(), "join".to_owned().into());
        let mut drafts = vec![
            draft(TimelineEventType::RoomCreate, "", create),
            draft(TimelineEventType::RoomMember, creator.user_id.as_str(), member),
            draft(TimelineEventType::RoomPowerLevels, "", power_levels::content(creator, room, rules)),
        ];
        if let Some(alias) = &room.alias {
            drafts.push(draft(TimelineEventType::RoomCanonicalAlias, "", one("alias", alias.as_str())));
        }
        let (join_rule, guests) = match room.preset {
            Preset::PublicChat => ("public", "forbidden"),
            Preset::PrivateChat | Preset::TrustedPrivateChat => ("invite", "can_join"),
        };
        let presets = [
            (TimelineEventType::RoomJoinRules, one("join_rule", join_rule)),
            (TimelineEventType::RoomHistoryVisibility, one("history_visibility", "shared")),
            (TimelineEventType::RoomGuestAccess, one("guest_access", guests)),
        ];
        for (kind, content) in presets {
            if !room.initial_state.iter().any(|(given, state_key, _)| *given == kind && state_key.is_empty()) {
                drafts.push(draft(kind, "", content));
            }
        }
        for (kind, state_key, content) in &room.initial_state {
            let overridden = (room.name.is_some() && *kind == TimelineEventType::RoomName)
                || (room.topic.is_some() && *kind == TimelineEventType::RoomTopic);
            if !overridden {
                drafts.push(draft(kind.clone(), state_key, content.clone()));
            }
        }
        if let Some(name) = &room.name {
            drafts.push(draft(TimelineEventType::RoomName, "", one("name", name)));
        }
        if let Some(topic) = &room.topic {
            drafts.push(draft(TimelineEventType::RoomTopic, "", topic_content(topic)));
        }
        drafts
    }
}

/// Refuses, before anything is made, what could not be done afterwards.
async fn check(db: &mut Db, room: &NewRoom, rules: &RoomVersionRules) -> Result<(), RoomsError> {
    if rules.authorization.additional_room_creators
        && let Some(creators) = room.creation_content.get("additional_creators")
    {
        let is_user = |creator: &CanonicalJsonValue| creator.as_str().is_some_and(|id| UserId::parse(id).is_ok());
        if !creators.as_array().is_some_and(|creators| creators.iter().all(is_user)) {
            return Err(RoomsError::InvalidRoomState("`additional_creators` is a list of user ids".to_owned()));
        }
    }
    if let Some(alias) = &room.alias
        && db.alias(alias).await?.is_some()
    {
        return Err(RoomsError::AliasTaken);
    }
    for user_id in &room.invite {
        // Of other servers' users, only their servers know.
        if let Some(user) = db.user_sn(user_id).await?
            && !takes_invites(db, user).await?
        {
            return Err(RoomsError::InviteBlocked);
        }
    }
    for (kind, _, content) in &room.initial_state {
        match kind {
            TimelineEventType::RoomCreate | TimelineEventType::RoomMember => {
                return Err(RoomsError::InvalidRoomState(format!("{kind} is no initial state")));
            }
            TimelineEventType::RoomCanonicalAlias => {
                let (alias, others) = aliases_named(content)?;
                if alias.into_iter().chain(others).any(|alias| Some(&alias) != room.alias.as_ref()) {
                    return Err(RoomsError::BadAlias);
                }
            }
            _ => {}
        }
    }
    power_levels::check(&room.power_level_override)
}

/// The topic as plain text and as `m.topic` with its text representation.
fn topic_content(topic: &str) -> CanonicalJsonObject {
    let text = CanonicalJsonObject::from([("body".to_owned(), topic.to_owned().into())]);
    let texts = CanonicalJsonValue::Array(vec![CanonicalJsonValue::Object(text)]);
    let representation = CanonicalJsonObject::from([("m.text".to_owned(), texts)]);
    CanonicalJsonObject::from([
        ("topic".to_owned(), topic.to_owned().into()),
        ("m.topic".to_owned(), CanonicalJsonValue::Object(representation)),
    ])
}
