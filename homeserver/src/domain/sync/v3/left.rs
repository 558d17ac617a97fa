//! A left room's section: its history up to the leave.

use ruma::api::client::sync::sync_events::v3 as api;

use crate::{
    domain::sync::{SyncError, SyncToken},
    store::{Db, LocalRoom},
};

use super::{
    Pass,
    joined::{changes_since, read_window, room_account_data, timeline},
    room_state,
};

pub(super) async fn left(db: &mut Db, pass: &Pass<'_>, room: &LocalRoom) -> Result<api::LeftRoom, SyncError> {
    let mut left = api::LeftRoom::new();
    if pass.query.state_after {
        left.state = api::State::After(Default::default());
    }
    if room.joined_position.is_none() {
        // A rejected or withdrawn invite: the viewer's own member event is all there is to see.
        if let Some(event) = room.event {
            let rows = db.event_rows(&[event]).await?;
            left.timeline.events = pass.events(db, &rows).await?;
            left.timeline.prev_batch = Some(SyncToken::at(room.position).to_string());
        }
        return Ok(left);
    }
    let after = pass.since.filter(|_| !pass.is_new(room));
    let end = room.left_position.unwrap_or(room.position);
    let window = read_window(db, pass, room, after, end).await?;
    let state_after = after.filter(|_| !pass.query.full_state);
    let changes = changes_since(db, room, state_after, &window).await?;
    let wanted =
        room_state::Wanted { room, window: &window, after: state_after, upto: end, changes: &changes, heroes: &[] };
    left.state = room_state::read(db, pass, wanted).await?;
    left.timeline = timeline(db, pass, &window).await?;
    if end < room.position
        && let Some(event) = room.event
    {
        // Declined, withdrawn or banned after they left: of what was between, this alone is theirs to see.
        let rows = db.event_rows(&[event]).await?;
        left.timeline.events.extend(pass.events(db, &rows).await?);
    }
    left.account_data = room_account_data(db, pass, room).await?;
    Ok(left)
}
