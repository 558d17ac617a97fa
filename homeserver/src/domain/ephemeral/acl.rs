//! A room's server ACL, as it applies to EDUs.

use ruma::{ServerName, events::room::server_acl::RoomServerAclEventContent};
use serde::Deserialize;

use crate::store::{Db, RoomSn, StoreError};

/// Whether the room listens to this server. An ACL that cannot be read allows everyone; one without `allow` allows nobody.
pub(super) async fn allows(db: &mut Db, room: RoomSn, server: &ServerName) -> Result<bool, StoreError> {
    #[derive(Deserialize)]
    struct Acl {
        content: RoomServerAclEventContent,
    }
    let acl = db.state_json(room, "m.room.server_acl", "").await?.and_then(|json| serde_json::from_str::<Acl>(&json).ok());
    Ok(acl.is_none_or(|acl| acl.content.is_allowed(server)))
}
