//! Pages of a room's history, by positions.

use ruma::{EventId, RoomId, UserId};

use crate::store::{Position, RoomRow, Standing, StoredEvent, UserSn};

use super::super::{Rooms, RoomsError};

/// Which part of a room's timeline is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Where to start; the newest (backwards) or oldest (forwards) event when absent.
    pub from: Option<Position>,
    /// Where to stop.
    pub to: Option<Position>,
    pub backwards: bool,
    pub limit: i64,
}

/// Most events that are looked at for one page: those the user may not see do not count as shown.
const LOOKED_AT: i64 = 500;

impl Rooms {
    /// A page of the timeline that the user may see, and where the next one starts; `None` at the end.
    pub async fn page(
        &self,
        user: UserSn,
        user_id: &UserId,
        room: &RoomRow,
        page: Page,
        keep: impl Fn(&StoredEvent) -> bool,
    ) -> Result<(Vec<StoredEvent>, Option<Position>), RoomsError> {
        let mut db = self.store.read().await?;
        let mut shown: Vec<StoredEvent> = Vec::new();
        let wanted = usize::try_from(page.limit).unwrap_or_default();
        let mut looked_at = 0;
        let mut at = page.from.unwrap_or(if page.backwards { self.store.position() } else { Position(i64::MIN) });
        loop {
            let part = (page.limit + 1).clamp(20, 200);
            let events = if page.backwards {
                db.timeline_backwards(room.sn, page.to.unwrap_or(Position(i64::MIN)), at, part).await?
            } else {
                db.timeline_forwards(room.sn, at, page.to.unwrap_or(Position(i64::MAX)), part).await?
            };
            let full = i64::try_from(events.len()).unwrap_or(i64::MAX) >= part;
            looked_at += part;
            for event in events {
                let Some(position) = event.position else { continue };
                if shown.len() >= wanted {
                    // The token of the last one shown, so that this one comes next.
                    return Ok((shown, Some(at)));
                }
                at = if page.backwards { Position(position.0 - 1) } else { position };
                let visible = self.visible(&mut db, user, user_id, room.sn, vec![event]).await?;
                shown.extend(visible.into_iter().filter(|event| keep(event)));
            }
            if !full {
                return Ok((shown, None));
            }
            if looked_at >= LOOKED_AT {
                return Ok((shown, Some(at)));
            }
        }
    }

    /// An event of the room that the user may see; ones that are not there and ones that are hidden look alike.
    pub async fn event_for(
        &self,
        user: UserSn,
        user_id: &UserId,
        room: &RoomRow,
        event_id: &EventId,
    ) -> Result<StoredEvent, RoomsError> {
        let mut db = self.store.read().await?;
        let event = db.event(event_id).await?;
        let event = event.filter(|event| event.room == room.sn && event.standing == Standing::Accepted);
        let event = event.ok_or(RoomsError::UnknownEvent)?;
        let visible = self.visible(&mut db, user, user_id, room.sn, vec![event]).await?;
        visible.into_iter().next().ok_or(RoomsError::UnknownEvent)
    }

    /// A room that the user may read; unknown rooms and closed ones look alike.
    pub async fn readable(&self, user: UserSn, room_id: &RoomId) -> Result<RoomRow, RoomsError> {
        let mut db = self.store.read().await?;
        let room = db.room_by_id(room_id).await?.ok_or(RoomsError::NotInRoom)?;
        if !self.may_read(&mut db, user, room.sn).await? {
            return Err(RoomsError::NotInRoom);
        }
        Ok(room)
    }
}
