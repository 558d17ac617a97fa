//! The event nearest to a time: ours, or another server's where our history has a hole there.

use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, UInt, UserId,
    api::{Direction, federation::event::get_event_by_timestamp::v1 as by_time},
};

use crate::{
    domain::{
        events::versions,
        federation::Deadline,
        rooms::{Rooms, RoomsError},
    },
    store::{RoomRow, ServerSn, Standing, StoredEvent, UserSn},
};

/// Events that are looked at for one that the user may see.
const LOOKED_AT: i64 = 100;
/// Events that are fetched around another server's, so that clients can read on from it.
const AROUND: u32 = 10;

impl Rooms {
    /// The id and the time of the nearest event that the user may see.
    pub async fn event_near_time(
        &self,
        user: UserSn,
        user_id: &UserId,
        room: &RoomRow,
        ts: i64,
        forwards: bool,
    ) -> Result<Option<(OwnedEventId, i64)>, RoomsError> {
        let (ours, hole) = {
            let mut db = self.store.read().await?;
            let near = db.events_near_time(room.sn, ts, forwards, LOOKED_AT).await?;
            // A hole of our history lies just before an event; searching backwards, that is the next one after the time.
            let after =
                if forwards { near.first().cloned() } else { db.events_near_time(room.sn, ts, true, 1).await?.pop() };
            let hole = match after {
                Some(after) => db.follows_hole(room.sn, after.sn).await?,
                None => false,
            };
            let joined = db.server_is_joined(room.sn, ServerSn::OURS).await?;
            (self.visible(&mut db, user, user_id, room.sn, near).await?.into_iter().next(), hole && joined)
        };
        if hole && let Some(theirs) = self.nearer_elsewhere(room, ts, forwards, ours.as_ref()).await? {
            let mut db = self.store.read().await?;
            let visible = self.visible(&mut db, user, user_id, room.sn, vec![theirs]).await?;
            if let Some(event) = visible.into_iter().next() {
                return Ok(Some((event.event_id, event.origin_ts)));
            }
        }
        Ok(ours.map(|event| (event.event_id, event.origin_ts)))
    }

    /// Another server's event that is nearer than ours, fetched with what stands before it.
    async fn nearer_elsewhere(
        &self,
        room: &RoomRow,
        ts: i64,
        forwards: bool,
        ours: Option<&StoredEvent>,
    ) -> Result<Option<StoredEvent>, RoomsError> {
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        let direction = if forwards { Direction::Forward } else { Direction::Backward };
        let when = MilliSecondsSinceUnixEpoch(UInt::try_from(ts).unwrap_or_default());
        for server in self.servers_of(room.sn).await? {
            let request = by_time::Request::new(room.room_id.clone(), when, direction);
            let Ok(answer) = self.federation.client.request(&server, request, Deadline::Query).await else { continue };
            let distance = |other: i64| other.abs_diff(ts);
            let their_ts = i64::from(answer.origin_server_ts.get());
            let right_way = if forwards { their_ts >= ts } else { their_ts <= ts };
            if !right_way || ours.is_some_and(|ours| distance(ours.origin_ts) <= distance(their_ts)) {
                continue;
            }
            if let Err(error) =
                self.backfill_from(&server, room, &rules, vec![answer.event_id.clone()], (AROUND, None)).await
            {
                tracing::info!(server = %server, %error, "A server did not give the event that it named.");
                continue;
            }
            let event = self.store.read().await?.event(&answer.event_id).await?;
            let event = event.filter(|event| {
                event.room == room.sn && event.standing == Standing::Accepted && event.position.is_some()
            });
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }
}
