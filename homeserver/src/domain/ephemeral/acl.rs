//! A room's server ACL, as it applies to EDUs.

use ruma::ServerName;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    domain::federation::acl,
    store::{Db, RoomSn, StoreError},
};

/// Whether the room listens to this server.
pub(super) async fn allows(db: &mut Db, room: RoomSn, server: &ServerName) -> Result<bool, StoreError> {
    #[derive(Deserialize)]
    struct Acl<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let event = db.state_json(room, "m.room.server_acl", "").await?;
    let content =
        event.as_deref().and_then(|json| serde_json::from_str::<Acl<'_>>(json).ok()).map(|event| event.content);
    Ok(acl::allows(content, server))
}
