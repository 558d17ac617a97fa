//! The sidebar: all rooms and invites, newest first, as a list with its changes.

mod row;

use futures_util::{StreamExt, pin_mut};
use matrix_sdk::{Room, RoomState};
use matrix_sdk_ui::{
    eyeball_im::{Vector, VectorDiff as SdkDiff},
    room_list_service::{RoomListItem, filters::new_filter_non_left},
};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    Result, Session,
    view::{RoomKind, RoomRow, VectorDiff, diff},
};

/// More rooms than anybody reads; the SDK's list grows by pages and one page is enough.
const MAX_ROOMS: usize = 5000;

impl Session {
    /// The room list: first a reset, then its changes; runs until dropped.
    pub async fn follow_room_list(&self, mut tell: impl FnMut(Vec<VectorDiff<RoomRow>>) + Send) -> Result<()> {
        let list = self.sync_loop().room_list_service().all_rooms().await?;
        let (changes, controller) = list.entries_with_dynamic_adapters(MAX_ROOMS);
        controller.set_filter(Box::new(new_filter_non_left()));
        pin_mut!(changes);
        let mut touched = self.touched();
        let mut rooms: Vector<Room> = Vector::new();
        loop {
            tokio::select! {
                batch = changes.next() => {
                    let Some(batch) = batch else { return Ok(()) };
                    let mut out = Vec::with_capacity(batch.len());
                    for change in batch {
                        let change = change.map(RoomListItem::into_inner);
                        change.clone().apply(&mut rooms);
                        out.push(self.convert(change).await);
                    }
                    tell(out);
                }
                id = touched.recv() => {
                    let stale: Vec<(usize, Room)> = match id {
                        Ok(id) => rooms.iter().cloned().enumerate().filter(|(_, room)| room.room_id() == id).collect(),
                        Err(RecvError::Lagged(_)) => rooms.iter().cloned().enumerate().collect(),
                        Err(RecvError::Closed) => return Ok(()),
                    };
                    let mut out = Vec::with_capacity(stale.len());
                    for (index, room) in stale {
                        out.push(VectorDiff::Set { index: diff::index(index), value: self.row(&room).await });
                    }
                    if !out.is_empty() {
                        tell(out);
                    }
                }
            }
        }
    }

    /// Rows are made by asking the store, which a diff's own `map` cannot wait for: they are made first, and set in after.
    async fn convert(&self, change: SdkDiff<Room>) -> VectorDiff<RoomRow> {
        let mut rooms = Vec::new();
        let shape = change.map(|room| {
            rooms.push(room);
            rooms.len() - 1
        });
        let mut rows = Vec::with_capacity(rooms.len());
        for room in &rooms {
            rows.push(self.row(room).await);
        }
        diff::from_sdk(shape, |position| rows.get(position).cloned())
    }
}

pub(crate) async fn kind_of(room: &Room) -> RoomKind {
    if room.state() == RoomState::Invited {
        RoomKind::Invite
    } else if room.is_space() {
        RoomKind::Space
    } else if room.is_direct().await.unwrap_or(false) {
        RoomKind::Direct
    } else {
        RoomKind::Room
    }
}
