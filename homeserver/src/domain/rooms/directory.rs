//! Aliases: whose room they name, who may change them.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedRoomAliasId, OwnedRoomId, OwnedServerName, RoomAliasId, RoomId,
    UserId, events::TimelineEventType,
};
use serde::Deserialize;

use crate::{domain::events::versions, store::RoomRow};

use super::{LocalUser, NewMessage, Rooms, RoomsError, view};

/// Most aliases that one event names.
const ALIASES: usize = 100;

#[derive(Deserialize)]
struct Body {
    content: CanonicalJsonObject,
}

/// The alias and the other aliases that a canonical-alias event names.
pub(super) fn aliases_named(
    content: &CanonicalJsonObject,
) -> Result<(Option<OwnedRoomAliasId>, Vec<OwnedRoomAliasId>), RoomsError> {
    let bad = || RoomsError::InvalidParam("A canonical-alias event names room aliases".to_owned());
    let parse = |alias: &CanonicalJsonValue| {
        alias.as_str().and_then(|alias| OwnedRoomAliasId::try_from(alias).ok()).ok_or_else(bad)
    };
    let named = match content.get("alias") {
        None | Some(CanonicalJsonValue::Null) => None,
        Some(CanonicalJsonValue::String(alias)) if alias.is_empty() => None,
        Some(alias) => Some(parse(alias)?),
    };
    let others = match content.get("alt_aliases") {
        None | Some(CanonicalJsonValue::Null) => Vec::new(),
        Some(aliases) => aliases.as_array().filter(|aliases| aliases.len() <= ALIASES).ok_or_else(bad)?.to_vec(),
    };
    Ok((named, others.iter().map(parse).collect::<Result<_, _>>()?))
}

impl Rooms {
    /// The room of an alias and servers that are in it; other servers are asked for theirs.
    pub async fn resolve_alias(&self, alias: &RoomAliasId) -> Result<(OwnedRoomId, Vec<OwnedServerName>), RoomsError> {
        if alias.server_name() != self.server_name {
            return self.resolve_remote_alias(alias).await;
        }
        let mut found = self.store.read().await?.alias(alias).await?;
        if found.is_none() && self.appservices.ensure_alias(alias).await? {
            found = self.store.read().await?.alias(alias).await?;
        }
        let (room, _) = found.ok_or(RoomsError::UnknownAlias)?;
        let mut db = self.store.read().await?;
        let mut servers = vec![self.server_name.clone()];
        for server in db.joined_servers(room).await? {
            let name = db.server_name(server).await?;
            if name != self.server_name {
                servers.push(name);
            }
        }
        Ok((db.room_id(room).await?, servers))
    }

    /// Whether the user may say which alias is the room's own, and so change its entry in the directory.
    pub async fn may_change_aliases(&self, user_id: &UserId, room: &RoomRow) -> Result<bool, RoomsError> {
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        let mut db = self.store.read().await?;
        let levels = view::power_levels(&mut db, room.sn, &rules).await?;
        Ok(db.is_joined(&room.room_id, user_id).await?
            && levels.user_can_send_state(user_id, ruma::events::StateEventType::RoomCanonicalAlias))
    }

    /// Aliases that a canonical-alias event newly names must lead to its room.
    pub async fn check_aliases(&self, room_id: &RoomId, content: &CanonicalJsonObject) -> Result<(), RoomsError> {
        let (named, others) = aliases_named(content)?;
        let old = {
            let mut db = self.store.read().await?;
            match db.room_sn(room_id).await? {
                Some(room) => db.current_state_event(room, "m.room.canonical_alias", "").await?,
                None => None,
            }
        };
        let old = old.and_then(|event| serde_json::from_str::<Body>(&event.json).ok());
        let old = old.and_then(|body| aliases_named(&body.content).ok()).unwrap_or_default();
        for alias in named.into_iter().chain(others) {
            // What stands there already may stay, even if the alias went away.
            if old.0.as_ref() == Some(&alias) || old.1.contains(&alias) {
                continue;
            }
            match self.resolve_alias(&alias).await {
                Ok((room, _)) if room == room_id => {}
                _ => return Err(RoomsError::BadAlias),
            }
        }
        Ok(())
    }

    /// An alias is gone: the room's canonical-alias event does not name it any more, if the user may change that.
    pub async fn unname_alias(&self, user: &LocalUser, room: &RoomRow, gone: &RoomAliasId) -> Result<(), RoomsError> {
        let event = self.store.read().await?.current_state_event(room.sn, "m.room.canonical_alias", "").await?;
        let Some(Body { mut content }) = event.and_then(|event| serde_json::from_str(&event.json).ok()) else {
            return Ok(());
        };
        let before = content.clone();
        let is_gone = |alias: &CanonicalJsonValue| alias.as_str() == Some(gone.as_str());
        if content.get("alias").is_some_and(is_gone) {
            content.remove("alias");
        }
        if let Some(CanonicalJsonValue::Array(others)) = content.get_mut("alt_aliases") {
            others.retain(|alias| !is_gone(alias));
        }
        if content == before || !self.may_change_aliases(&user.user_id, room).await? {
            return Ok(());
        }
        let message = NewMessage {
            room_id: room.room_id.clone(),
            kind: TimelineEventType::RoomCanonicalAlias,
            state_key: Some(String::new()),
            content,
            txn_id: None,
            redacts: None,
            timestamp: None,
        };
        self.send(user, message).await.map(|_| ())
    }
}
