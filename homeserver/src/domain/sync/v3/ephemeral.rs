//! A joined room's receipts and typing list.

use ruma::api::client::sync::sync_events::v3 as api;

use crate::{
    domain::sync::{Sync, SyncError, receipts},
    store::{Db, LocalRoom, Position},
};

use super::{Pass, filter::allows_room_type};

/// What is new; `whole`: all there is.
pub(super) async fn read(
    sync: &Sync,
    db: &mut Db,
    pass: &Pass<'_>,
    room: &LocalRoom,
    whole: bool,
) -> Result<api::Ephemeral, SyncError> {
    let filter = &pass.query.filter.room.ephemeral;
    let mut ephemeral = api::Ephemeral::new();
    let since = pass.since.filter(|_| !whole).unwrap_or(Position(0));
    if allows_room_type(filter, &room.room_id, "m.receipt") {
        let mut rows = db.receipts_since(room.room, since, pass.viewer.user).await?;
        rows.retain(|receipt| !pass.ignored.contains(&receipt.user_id));
        ephemeral.events.extend(receipts::event(&rows)?);
    }
    if allows_room_type(filter, &room.room_id, "m.typing")
        && let Some(typing) = sync.ephemeral.typing().changed_since(room.room, since)
        && !(pass.since.is_none() && typing.is_empty())
    {
        ephemeral.events.push(receipts::typing_event(&typing)?);
    }
    Ok(ephemeral)
}
