//! When each room was last lifted by a message: kept in memory and brought forward by what is new.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::store::{Db, Position, RoomSn, StoreError};

/// Last bumps of the rooms that lists were made of. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Bumps(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// Up to where `rooms` is right.
    upto: Position,
    rooms: HashMap<RoomSn, Option<Position>>,
}

impl Bumps {
    /// The last bump of each of these rooms; none for rooms that never had one. Right up to `now` or later.
    pub(super) async fn of(
        &self,
        db: &mut Db,
        rooms: &[RoomSn],
        now: Position,
    ) -> Result<HashMap<RoomSn, Position>, StoreError> {
        let (upto, unknown) = {
            let known = self.lock();
            let unknown: Vec<RoomSn> = rooms.iter().filter(|room| !known.rooms.contains_key(room)).copied().collect();
            (known.upto, unknown)
        };
        // A room read now may be newer than `upto`, never older than what bringing forward finds.
        let mut read = Vec::with_capacity(unknown.len());
        for room in unknown {
            read.push((room, db.last_bump(room).await?));
        }
        let newer = if now > upto { db.bumped_since(upto).await? } else { Default::default() };
        let mut known = self.lock();
        for (room, bump) in read {
            let entry = known.rooms.entry(room).or_default();
            *entry = (*entry).max(bump);
        }
        for (room, bump) in newer {
            if let Some(entry) = known.rooms.get_mut(&room) {
                *entry = (*entry).max(Some(bump));
            }
        }
        known.upto = known.upto.max(now);
        Ok(rooms.iter().filter_map(|room| Some((*room, (*known.rooms.get(room)?)?))).collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
