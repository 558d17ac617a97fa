//! Rooms that the viewer is invited to or has knocked on: stripped state.

use ruma::api::client::sync::sync_events::v3::{InviteState, InvitedRoom, KnockState, KnockedRoom};

use crate::{
    domain::sync::{SyncError, stripped},
    store::{Db, LocalRoom},
};

use super::Pass;

/// An invite; none when it came from an ignored user, or the viewer wants none.
pub(super) async fn invited(db: &mut Db, pass: &Pass<'_>, room: &LocalRoom) -> Result<Option<InvitedRoom>, SyncError> {
    let state = stripped::state(db, pass.viewer, room).await?;
    if pass.ignored.hides_invite(state.inviter.as_deref()) {
        return Ok(None);
    }
    Ok(Some(InvitedRoom::from(InviteState::from(state.events))))
}

pub(super) async fn knocked(db: &mut Db, pass: &Pass<'_>, room: &LocalRoom) -> Result<KnockedRoom, SyncError> {
    let mut state = KnockState::new();
    state.events = stripped::state(db, pass.viewer, room).await?.events;
    Ok(KnockedRoom::from(state))
}
