//! Aliases: whose room they name, who may change them.

use ruma::{CanonicalJsonObject, OwnedRoomId, OwnedServerName, RoomAliasId, RoomId, UserId};

use crate::{domain::events::versions, store::RoomRow};

use super::{Rooms, RoomsError, view};

impl Rooms {
    /// The room of an alias and servers that are in it; other servers are asked for theirs.
    pub async fn resolve_alias(&self, alias: &RoomAliasId) -> Result<(OwnedRoomId, Vec<OwnedServerName>), RoomsError> {
        if alias.server_name() != self.server_name {
            return self.resolve_remote_alias(alias).await;
        }
        let mut db = self.store.read().await?;
        let (room, _) = db.alias(alias).await?.ok_or(RoomsError::UnknownAlias)?;
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
        let named = content.get("alias").and_then(|alias| alias.as_str());
        let others = content.get("alt_aliases").and_then(|aliases| aliases.as_array()).into_iter().flatten();
        let old = {
            let mut db = self.store.read().await?;
            match db.room_sn(room_id).await? {
                Some(room) => db.current_state_event(room, "m.room.canonical_alias", "").await?.map(|event| event.json),
                None => None,
            }
        };
        for alias in named.into_iter().chain(others.filter_map(|alias| alias.as_str())) {
            if old.as_ref().is_some_and(|old| old.contains(&format!("\"{alias}\""))) {
                continue;
            }
            let parsed = RoomAliasId::parse(alias).map_err(|_| RoomsError::BadAlias)?;
            match self.resolve_alias(&parsed).await {
                Ok((room, _)) if room == room_id => {}
                _ => return Err(RoomsError::BadAlias),
            }
        }
        Ok(())
    }
}
